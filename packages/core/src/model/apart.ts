/** Branches beside each other, told from the keys of what they asked for: `label[3]/print` and `label[4]/print`. */

type Segment = { readonly group: string; readonly branch: string };

/** A branch of `Step.all`, `Step.map` or `Step.graph`: its group and which of the group it is. */
const segmentOf = (text: string): Segment | undefined => {
  const [, name, branch, round] = /^(.*)\[([^\]]*)\](#\d+)?$/s.exec(text) ?? [];
  return name === undefined || branch === undefined ? undefined : { group: `${name}${round ?? ""}`, branch };
};

/** True when two keys belong to different branches of one group: neither branch sees what the other is given. */
export const areApart = (one: string | null, other: string | null): boolean => {
  if (one === null || other === null) return false;
  const at = firstDifference(one, other);
  const [mine, theirs] = [segmentAt(one, at), segmentAt(other, at)];
  return mine !== undefined && theirs !== undefined && mine.group === theirs.group && mine.branch !== theirs.branch;
};

/** Where the first segment begins in which the keys are not the same. */
const firstDifference = (one: string, other: string): number => {
  let start = 0;
  for (let at = 0; at < one.length && one[at] === other[at]; at++) if (one[at] === "/") start = at + 1;
  return start;
};

/** The segment that begins here, unless it is the last: that is the name of an operation. */
const segmentAt = (key: string, start: number): Segment | undefined => {
  const end = key.indexOf("/", start);
  return end < 0 ? undefined : segmentOf(key.slice(start, end));
};
