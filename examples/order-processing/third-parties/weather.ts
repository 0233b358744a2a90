// The weather at a third party: mostly fair, and sometimes not. A forecast depends on the seed, the key and how often that
// key was asked, never on the clock, so that the same requests meet the same luck in every demo.

export type Weather =
  | "fair"
  | "refused" // 503, nothing happened
  | "busy" // 429 with Retry-After, nothing happened
  | "stalled" // no answer for long, and only then the effect: the caller has gone by now
  | "late" // the effect, and then no answer for long
  | "cut"; // the effect, and then the connection breaks

/** Out of a hundred requests, how many meet each kind of bad weather. */
const BAD: readonly (readonly [Weather, number])[] = [
  ["refused", 5],
  ["busy", 1],
  ["stalled", 2],
  ["late", 2],
  ["cut", 3],
];

export const STALL = 1_500;

export const forecast = (seed: string, key: string, nth: number): Weather => {
  let chance = fraction(`${seed}/weather/${key}/${nth}`) * 100;
  for (const [weather, share] of BAD) {
    if (chance < share) return weather;
    chance -= share;
  }
  return "fair";
};

/** Milliseconds until an answer: 3 to 60, most of them short. */
export const latency = (seed: string, key: string, nth: number): number =>
  3 + 57 * fraction(`${seed}/latency/${key}/${nth}`) ** 3;

const fraction = (text: string): number => Number(Bun.hash(text) & 0xffffffffn) / 2 ** 32;
