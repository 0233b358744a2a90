/** The version of this library, as its package says. */
export const library = "0.1.0";
