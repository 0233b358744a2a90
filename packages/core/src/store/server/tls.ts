/** Errors of an encrypted connection that could not be made: nothing was said to the server yet. */
import * as Fault from "../../model/fault.ts";

const certificates =
  /^(UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|ERR_BORINGSSL|ERR_OSSL|HOSTNAME_MISMATCH|INVALID_CA|ERR_(POSTGRES|MYSQL)_TLS_)/;

/** The word of the client for what is wrong with the certificate or the encryption; also where Drizzle has wrapped it. */
const codeOf = (error: unknown): string | undefined => {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 4; depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && certificates.test(code)) return code;
    at = at.cause;
  }
  return undefined;
};

export const isTls = (error: unknown): boolean => codeOf(error) !== undefined;

export const tlsFault = (error: unknown, server: string): Fault.Fault => {
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  return Fault.make(
    "storage_failed",
    /TLS_(NOT_AVAILABLE|UPGRADE)/.test(code ?? "")
      ? `The ${server} server does not encrypt its connections (${said}), and the URL or the option tls asks for it. Turn TLS on at the server, or ask for none on a network that you trust.`
      : `The certificate of the ${server} server is not accepted (${said}). Look at who signed it (the ca of the option tls, or of the URL), at its name and at its dates.`,
    { code },
    { cause: error },
  );
};
