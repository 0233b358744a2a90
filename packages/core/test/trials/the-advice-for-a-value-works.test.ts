// oxlint-disable no-thenable
// A value that cannot be kept is refused with code that makes one that can be. Each piece of advice is followed here.
import { SQL } from "bun";
import { describe, expect, test } from "bun:test";
import { runInNewContext } from "node:vm";
import { Run, Step, Workflow } from "../../src/index.ts";
import { decode, encode, roundtrip } from "../../src/model/codec.ts";
import { setup } from "../kit/world.ts";
import { thrown } from "../face/scene.ts";

const options = { what: "value", limit: 1_000_000 };

const refusal = (value: unknown): string => {
  try {
    encode(value, options);
  } catch (error) {
    return (error as Error).message;
  }
  return "kept";
};

/** Does what the advice says: `it` is the value. */
// oxlint-disable no-implied-eval
const follow = (code: string, it: unknown): Promise<unknown> =>
  (new Function("it", `return (async () => (${code}))()`) as (it: unknown) => Promise<unknown>)(it);

/** A value of another realm. */
const foreign = (code: string): unknown => runInNewContext(code) as unknown;

class Money {
  readonly amount: number;
  readonly currency: string;
  constructor(amount: number, currency: string) {
    this.amount = amount;
    this.currency = currency;
  }
  get text(): string {
    return `${this.amount} ${this.currency}`;
  }
  double(): Money {
    return new Money(this.amount * 2, this.currency);
  }
}
class Plain {
  n = 1;
}
class Handled {
  n = 1;
  onDone = () => {};
}
class Sealed {
  readonly #amount = 5;
  amount(): number {
    return this.#amount;
  }
}
class Viewed {
  readonly #amount = 5;
  get amount(): number {
    return this.#amount;
  }
}
class Price {
  toJSON(): string {
    return "3.50";
  }
}
class Rows extends Array<unknown> {
  command = "SELECT";
}
class Registry extends Map<string, number> {}
class Names extends Set<string> {}
class Day extends Date {}
class Chunk extends Uint8Array {}
class Samples extends Float64Array {}

const shared = (): Uint8Array => {
  const bytes = new Uint8Array(new SharedArrayBuffer(3));
  bytes.set([1, 2, 3]);
  return bytes;
};
const bytesOf = (value: unknown): number[] => [...(value as Uint8Array)];
const resizable = (): ArrayBuffer => {
  const buffer = new ArrayBuffer(2, { maxByteLength: 8 });
  new Uint8Array(buffer).set([1, 2]);
  return buffer;
};

type Case = readonly [what: string, it: () => unknown, code: string, becomes: unknown, see?: (value: unknown) => unknown];

const cases: readonly Case[] = [
  ["an array of another class", () => Rows.from([1, { n: 2 }]), "[...it]", [1, { n: 2 }]],
  ["an array of another realm", () => foreign("[1, 2]"), "[...it]", [1, 2]],
  [
    "an object of another realm",
    () => foreign("({ a: [1, { b: 2 }], c: new Map([[1, 2]]) })"),
    "structuredClone(it)",
    { a: [1, { b: 2 }], c: new Map([[1, 2]]) },
  ],
  ["a Map of another realm", () => foreign("new Map([['a', 1]])"), "new Map(it)", new Map([["a", 1]])],
  ["a Set of another realm", () => foreign("new Set([1])"), "new Set(it)", new Set([1])],
  ["a Date of another realm", () => foreign("new Date(5)"), "new Date(it)", new Date(5)],
  ["bytes of another realm", () => foreign("new Uint8Array([1, 2])"), "new Uint8Array(it)", [1, 2], bytesOf],
  ["a class that extends Map", () => new Registry([["a", 1]]), "new Map(it)", new Map([["a", 1]])],
  ["a class that extends Set", () => new Names(["a"]), "new Set(it)", new Set(["a"])],
  ["a class that extends Date", () => new Day(5), "new Date(it)", new Date(5)],
  ["a class that extends Uint8Array", () => Chunk.from([1, 2]), "new Uint8Array(it)", [1, 2], bytesOf],
  ["a class that extends Float64Array", () => Samples.from([0.5, 2]), "new Float64Array(it)", [0.5, 2], bytesOf],
  ["bytes on a shared buffer", shared, "new Uint8Array(it)", [1, 2, 3], bytesOf],
  [
    "a view of a shared buffer",
    () => new DataView(shared().buffer, 1),
    "new Uint8Array(it.buffer, it.byteOffset, it.byteLength).slice()",
    [2, 3],
    bytesOf,
  ],
  ["a shared buffer", () => shared().buffer, "new Uint8Array(it).slice()", [1, 2, 3], bytesOf],
  ["a buffer that can be resized", resizable, "new Uint8Array(it).slice()", [1, 2], bytesOf],
  ["bytes on a buffer that can be resized", () => new Uint8Array(resizable()), "new Uint8Array(it)", [1, 2], bytesOf],
  ["an instance with fields", () => new Plain(), "{ ...it }", { n: 1 }],
  [
    "an instance with fields and getters",
    () => new Money(3, "EUR"),
    "{ ...it, text: it.text }",
    { amount: 3, currency: "EUR", text: "3 EUR" },
  ],
  ["an instance with fields that are functions", () => new Handled(), "{ n: it.n }", { n: 1 }],
  ["an instance with getters alone", () => new Viewed(), "{ amount: it.amount }", { amount: 5 }],
  ["an instance with a toJSON", () => new Price(), "it.toJSON()", "3.50"],
  ["a promise", () => Promise.resolve(7), "await it", 7],
  [
    "a query that is awaited to run",
    () =>
      new (class Query {
        then = (done: (rows: unknown) => void) => done([1]);
      })(),
    "await it",
    [1],
  ],
  ["a regular expression", () => /a+/gi, "{ source: it.source, flags: it.flags }", { source: "a+", flags: "gi" }],
  ["a boxed string", () => Object("text") as unknown, "it.valueOf()", "text"],
  ["a boxed number", () => Object(5) as unknown, "it.valueOf()", 5],
  ["a Response", () => new Response("body"), "await it.text()", "body"],
  ["a Request", () => new Request("http://example.org", { method: "POST", body: "body" }), "await it.text()", "body"],
  ["a Blob", () => new Blob(["body"]), "await it.text()", "body"],
  ["a stream", () => new Response("ab").body, "await new Response(it).bytes()", [97, 98], bytesOf],
  ["Headers", () => new Headers({ a: "b" }), "[...it]", [["a", "b"]]],
  ["FormData", () => new FormData(), "[...it]", []],
  [
    "an async generator",
    () =>
      (async function* () {
        yield 1;
      })(),
    "await Array.fromAsync(it)",
    [1],
  ],
];

describe("the advice", () => {
  test.each(cases)("for %s yields a value that is kept", async (_, make, code, becomes, see = (value) => value) => {
    const told = refusal(make());
    expect(told).toContain(code.startsWith("await it") && !code.includes(".") ? "Await it first" : code);
    const value = await follow(code, make());
    expect(refusal(value)).toBe("kept");
    expect(see(roundtrip(value, options).value)).toEqual(becomes);
  });

  test("names the place and the class, in arrays and objects", () => {
    expect(refusal({ lines: [{ price: new Money(1, "EUR") }] })).toContain(".lines[0].price is an instance of Money");
    expect(refusal({ rows: Rows.from([1]) })).toContain(".rows is an instance of Rows");
    expect(refusal(runInNewContext("[1]"))).toContain("is an instance of Array of another realm");
  });

  test("does not promise a copy of what has no fields", () => {
    const told = refusal(new Sealed());
    expect(told).toContain("has no fields that can be copied");
    expect(told).not.toContain("...it");
    expect(refusal(new WeakMap())).not.toContain("...it");
  });

  test("calls no getter and no method, and survives a class that hides its name", () => {
    let touched = 0;
    class Touchy {
      get a(): number {
        return ++touched;
      }
      b(): number {
        return ++touched;
      }
    }
    Object.defineProperty(Touchy, "name", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(refusal(new Touchy())).toContain("an instance of a class");
    expect(touched).toBe(0);
  });

  test("for a buffer that was handed on says so", () => {
    const buffer = new ArrayBuffer(3);
    structuredClone(buffer, { transfer: [buffer] });
    expect(refusal(buffer)).toContain("handed to somebody else");
  });

  test("a Buffer is kept as it is", () => {
    expect(decode(encode(Buffer.from("ab"), options))).toEqual(Buffer.from("ab"));
  });
});

test("the rows of Bun's SQL are refused with the advice to copy the array, and the copy is kept", async () => {
  const world = setup();
  const sql = new SQL("sqlite://:memory:");
  await sql`create table orders (n int)`;
  const raw = Workflow.define({ name: "raw" }, (ctx) =>
    Step.run(ctx, "insert", async () => (await sql`insert into orders values (1) returning n`) as unknown),
  );
  const copied = Workflow.define({ name: "copied" }, (ctx) =>
    Step.run(ctx, "insert", async () => [...((await sql`insert into orders values (2) returning n`) as unknown[])]),
  );
  const runtime = await world.open([raw, copied]);
  expect((await thrown(world.result(await Workflow.start(runtime, raw)))).message).toContain("ordinary array: [...it]");
  const run = await Workflow.start(runtime, copied);
  expect(await world.result(run)).toEqual([{ n: 2 }]);
  expect((await Run.get(run)).output).toEqual([{ n: 2 }]);
  await sql.close();
});
