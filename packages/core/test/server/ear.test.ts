/** The ear of a process on PostgreSQL: what becomes of it when its connections fall silent. */
import { expect, test } from "bun:test";
import { machinePace } from "../../src/store/pace.ts";
import { createEar } from "../../src/store/postgres/ear.ts";
import { until } from "../kit/until.ts";

const never = new Promise<never>(() => {});

/** A client whose hints come back, until it falls silent: then nothing is answered, or only what is asked of it. */
const client = (state: { silent: "nothing" | "its hints" | "all" }) => {
  let hear: (payload: string) => void = () => {};
  return {
    closed: false,
    hears: (payload: string) => hear(payload),
    listen: (_: string, call: (payload: string) => void) => {
      hear = call;
      return (state.silent === "all" ? never : Promise.resolve()) as Promise<never>;
    },
    notify: (_: string, payload = "") => {
      if (state.silent === "nothing") hear(payload);
      return (state.silent === "all" ? never : Promise.resolve()) as Promise<never>;
    },
    async close() {
      this.closed = true;
    },
  };
};

const setup = async (silent: "nothing" | "its hints" | "all") => {
  const state = { silent: "nothing" as "nothing" | "its hints" | "all" };
  const made: ReturnType<typeof client>[] = [];
  const open = () => {
    const one = client(made.length === 0 ? state : { silent: "nothing" });
    made.push(one);
    return one;
  };
  const ear = await createEar(open, { own: "own", poll: 1e9, deadline: 20, first: 20, pace: machinePace });
  state.silent = silent;
  return { ear, made };
};

test("a connection that does not answer keeps nobody who closes, and is closed", async () => {
  const { ear, made } = await setup("all");
  ear.tell();
  await ear.close();
  expect(made.map(({ closed }) => closed)).toEqual([true]);
});

test.each(["its hints", "all"] as const)(
  "a connection that is silent about %s is replaced, and what may have been missed is looked for",
  async (what) => {
    const { ear, made } = await setup(what);
    let heard = 0;
    ear.listen(() => void heard++);
    ear.tell();
    await until("another connection listens", () => made.length === 2);
    expect([made[0]?.closed, heard, ear.heard()]).toEqual([true, 1, true]);
    made[1]?.hears("somebody else");
    expect(heard).toBe(2);
    ear.tell();
    await Bun.sleep(60);
    expect(made).toHaveLength(2);
    await ear.close();
  },
);
