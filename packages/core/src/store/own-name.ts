/** The user of this process, whom a URL without a user means. */
import { userInfo } from "node:os";

export const ownName = (): string => {
  try {
    return userInfo().username;
  } catch {
    return "root"; // A container's user that no passwd file names.
  }
};
