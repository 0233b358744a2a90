// Encrypted connections to servers with a certificate that the test has made: what is accepted, and what is refused in which words.
import { beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { until } from "../crash/processes.ts";
import { afterwards, silent } from "../kit/world.ts";
import { mariadb, whyNoMariadb } from "../kit/mariadb-server.ts";
import { startPostgres, whyNoPostgres } from "../kit/postgres-server.ts";
import { canStart } from "../kit/server.ts";

const flow = Workflow.define({ name: "greet" }, async () => "hello");

const place = mkdtempSync(join(tmpdir(), "holdfast-tls-"));
const at = (name: string): string => join(place, name);
const read = (name: string): string => readFileSync(at(name), "utf8");

const openssl = (...args: readonly string[]): void => {
  const { success, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: place, stderr: "pipe" });
  if (!success) throw new Error(stderr.toString());
};

const signing = ["-CA", "good-ca.pem", "-CAkey", "good-ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Two who sign, and two servers' certificates by the first: one of this machine's name, one of another's. */
const makeCertificates = (): void => {
  for (const name of ["good", "bad"])
    openssl(
      "req",
      "-x509",
      ...fresh,
      "-keyout",
      `${name}-ca.key`,
      "-out",
      `${name}-ca.pem`,
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
    );
  for (const [name, names] of [
    ["server", "DNS:localhost,IP:127.0.0.1"],
    ["other", "DNS:elsewhere.example"],
  ]) {
    writeFileSync(at("names"), `subjectAltName=${names}\n`);
    openssl("req", ...fresh, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    openssl("x509", "-req", "-in", `${name}.csr`, ...signing, "-out", `${name}.pem`);
  }
};

const hasOpenssl = Bun.which("openssl") !== null;
if (!hasOpenssl) console.log("openssl is not installed: the tests of encrypted connections are left out.");

process.on("exit", () => rmSync(place, { recursive: true, force: true }));

const works = async (database: string, options: Runtime.Options = {}): Promise<void> => {
  const runtime = await Runtime.open({ database, workflows: [flow], logger: silent, ...options });
  afterwards(() => Runtime.close(runtime));
  expect(await Run.result(await Workflow.start(runtime, flow, undefined))).toBe("hello");
};

const refusal = async (database: string, options: Runtime.Options = {}): Promise<string> => {
  const answer: unknown = await Runtime.open({ database, logger: silent, ...options }).catch((error: unknown) => error);
  if (Fault.is(answer, "storage_failed")) return answer.message;
  if (!(answer instanceof Error)) await Runtime.close(answer as Runtime.Runtime);
  throw new Error(`It was not refused: ${String(answer)}`);
};

const ask = async (options: SQL.Options, text: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new SQL({ ...options, max: 1 });
  const rows = (await client.unsafe(text)) as Record<string, unknown>[];
  await client.close({ timeout: 0 });
  return rows;
};

describe.skipIf(!hasOpenssl || !canStart(whyNoPostgres()))("on PostgreSQL", () => {
  beforeAll(makeCertificates, 30_000);

  const encrypted = async (certificate: string): Promise<string> => {
    const { url } = await startPostgres(afterwards, {
      settings: { ssl: "on" },
      access: "hostssl all all 127.0.0.1/32 trust\n",
      files: { "server.key": read(`${certificate}.key`), "server.crt": read(`${certificate}.pem`) },
      tls: true,
    });
    return `${url}/postgres`;
  };

  test("a server that takes encrypted connections only: every one of ours is, the beats from their thread too", async () => {
    const url = await encrypted("server");
    expect(await refusal(url)).toContain("refuses us");
    await works(`${url}?sslmode=require`);
    await works(`${url}?sslmode=verify-full&sslrootcert=${at("good-ca.pem")}`);
    await works(url, { tls: { ca: read("good-ca.pem") } });
    await until("each of the three has beaten", async () => {
      const rows = await ask({ url: `${url}?sslmode=require` }, "select count(*) as n from holdfast_workers where beat > 0");
      return Number(rows[0]?.["n"]) === 3;
    });
  }, 120_000);

  test("a certificate of somebody else, or of another name, is refused before anything is said", async () => {
    const url = await encrypted("server");
    const wrong = await refusal(`${url}?sslmode=verify-full&sslrootcert=${at("bad-ca.pem")}`);
    expect(wrong).toContain("The certificate of the PostgreSQL server is not accepted");
    expect(await refusal(`${url}?sslmode=verify-full`)).toContain("not accepted");
    expect(await refusal(url, { tls: { mode: "verify-ca", ca: at("bad-ca.pem") } })).toContain("not accepted");
    const other = await encrypted("other");
    expect(await refusal(other, { tls: { ca: at("good-ca.pem") } })).toContain("not accepted");
    await works(other, { tls: { mode: "verify-ca", ca: at("good-ca.pem") } });
  }, 120_000);

  test("a server without encryption is refused when it is asked for", async () => {
    const url = `${(await startPostgres(afterwards)).url}/postgres`;
    expect(await refusal(`${url}?sslmode=require`)).toContain("does not encrypt its connections");
    await works(`${url}?sslmode=prefer`);
  }, 120_000);
});

describe.skipIf(!hasOpenssl || !canStart(whyNoMariadb()))("on MariaDB", () => {
  beforeAll(makeCertificates, 30_000);

  test("encrypted, checked, and refused with the wrong signer", async () => {
    const url = await mariadb(afterwards, {
      files: { "server.pem": read("server.pem"), "server.key": read("server.key"), "ca.pem": read("good-ca.pem") },
      options: ["--ssl-ca=ca.pem", "--ssl-cert=server.pem", "--ssl-key=server.key"],
    });
    await ask({ url, adapter: "mysql" }, "create user worker@'127.0.0.1' require ssl");
    await ask({ url, adapter: "mysql" }, "grant all on test.* to worker@'127.0.0.1'");
    const asWorker = url.replace("root@", "worker@");
    expect(await refusal(asWorker)).toContain("refuses us");
    await works(`${asWorker}?ssl-mode=REQUIRED`);
    await works(`${asWorker}?ssl-mode=VERIFY_IDENTITY&ssl-ca=${at("good-ca.pem")}`);
    await works(asWorker, { tls: { ca: read("good-ca.pem") } });
    expect(await refusal(`${asWorker}?ssl-ca=${at("bad-ca.pem")}`)).toContain(
      "The certificate of the MySQL server is not accepted",
    );
  }, 120_000);

  test("a server without encryption is refused when it is asked for", async () => {
    const url = await mariadb(afterwards, { options: ["--skip-ssl"] });
    expect(await refusal(`${url}?ssl-mode=REQUIRED`)).toContain("encryption");
  }, 120_000);
});
