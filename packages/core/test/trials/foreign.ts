/** A promise that nobody handles, in code that has nothing to do with runs. */
const deeper = async (): Promise<never> => {
  await Promise.resolve();
  throw new Error("of the service");
};

export const fail = (how: string): void => {
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what a program may do
  if (how.includes("text")) void Promise.reject("of the service");
  else if (how.includes("several")) for (const word of ["first", "second"]) void Promise.reject(new Error(word));
  else void deeper();
};
