/**
 * Chance that can be played again: the same seed gives the same numbers, in every process and every release.
 *
 * The generator is sfc32 ("small fast counter", Chris Doty-Humphrey, from PractRand), seeded with SHA-256. Running histories
 * depend on each number, so nothing here may ever change; the tests hold the first numbers of some seeds.
 */

/** A generator of numbers in [0, 1) with 53 random bits each. The seed may be any text. */
export const random = (seed: string): (() => number) => {
  const next = sfc32(new Bun.CryptoHasher("sha256").update(seed).digest());
  return () => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;
};

/** A UUID in the shape of version 4 from sixteen draws. As unguessable as the generator's seed, so no secret. */
export const uuidFrom = (chance: () => number): string => {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(chance() * 256));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

const sfc32 = (seed: Buffer): (() => number) => {
  let a = seed.readInt32LE(0);
  let b = seed.readInt32LE(4);
  let c = seed.readInt32LE(8);
  let counter = seed.readInt32LE(12);
  return () => {
    const drawn = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  };
};
