export const chain = (): void => {};
