/** How workers share what is due. Each decides for itself, from what it last knew of the others. */

/** Another worker that has room; and whether it was far from having none for as long as its load tells of. */
export type Peer = { readonly weight: number; readonly idle: boolean };

/** How many runs are to be counted, so that the share is known of as many as there is room for. Starts that came meanwhile may have taken more than there was. */
export const countUpTo = (free: number, peers: number): number =>
  peers === 0 ? 0 : Math.min(4_096, 4 * Math.max(0, free) * (peers + 1));

/**
 * How many due runs a worker takes at one look. Alone all it has room for. Beside others a part of its share, so that each comes to look while there
 * is something left; how often each looks, by its weight, says how much it gets in the end. At least so many as are little beside all its places: one by
 * one they would cost more than they do.
 */
export const shareOf = (
  free: number,
  due: number,
  { peers, places }: { readonly peers: number; readonly places: number },
): number => (peers === 0 ? free : Math.min(free, Math.max(Math.ceil(places / 16), Math.ceil(due / (4 * (peers + 1))))));

/** How much longer than others a worker waits between two looks: the less its weight, the longer. */
const slowness = (weight: number, peers: readonly Pick<Peer, "weight">[]): number => {
  const all = peers.reduce((sum, peer) => sum + peer.weight, weight);
  return all / (peers.length + 1) / weight;
};

/** Waits that end at random, as often as the weights say in this worker's favour: so runs that come one by one are shared too. */
const atRandom = (mean: number, chance: number): number => Math.min(8 * mean, -Math.log(1 - chance) * mean);

/**
 * How long, in ms, a worker waits before it looks: alone not at all. `more` says that it just took some, and left some to the others. Among equals the first
 * look is at once.
 */
export const pauseOf = (
  weight: number,
  peers: readonly Pick<Peer, "weight">[],
  { courtesy, more, chance }: { readonly courtesy: number; readonly more: boolean; readonly chance: number },
): number => {
  if (peers.length === 0) return 0;
  if (peers.every((peer) => peer.weight === weight)) return more ? courtesy : 0;
  return atRandom(courtesy * slowness(weight, peers), chance);
};
