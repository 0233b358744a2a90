/**
 * What a history tells beside results: where in its body a run asked for an operation, what it drew, and which runs it was forked from.
 */
import { decode, encode } from "./codec.ts";
import { isResult, operationOf, type OperationKind, type Row, type Rules } from "./records.ts";

/** Where in the code an operation was asked for: the strand, the name with its path, and how often the strand asked for it before. */
export type Place = { readonly after: string; readonly path: string; readonly count: number };

/** What an `asked` note says. `took` is the time in ms from when that life was given the last record to the ask. A refused place has no operation. */
export type Noted = Place & { readonly of: OperationKind; readonly took: number; readonly refused?: true };

export const placeId = ({ after, path, count }: Place): string => `${after}\n${path}\n${count}`;

/** A short name for what follows from a place. Histories hold it: it never changes. */
export const shortId = (place: Place): string =>
  `@${new Bun.CryptoHasher("sha256").update(placeId(place)).digest("hex").slice(0, 20)}`;

export const placeText = (noted: Noted): string | null => encode(noted, { what: "place of an operation", limit: 65_536 });

/** A place that an earlier life noted, with the last record that its body had been given by then, and the ms from that record to the ask. */
export type NotedPlace = { readonly key: string; readonly noted: Noted; readonly issued: number; readonly worked: number };

/** By `placeId`. */
export type Places = ReadonlyMap<string, NotedPlace>;

export const placesIn = (rows: readonly Row[]): Places | undefined => {
  let places: Map<string, NotedPlace> | undefined;
  const times = new Map<number, number>();
  for (const { kind, key, value, seq, at, issued } of rows) {
    times.set(seq, at);
    if (kind !== "asked") continue;
    const noted = decode(value) as Noted;
    places ??= new Map();
    const worked = Math.min(noted.took, Math.max(0, at - (times.get(issued) ?? 0)));
    places.set(placeId(noted), { key: key ?? "", noted, issued, worked });
  }
  return places;
};

export const hasRefusal = (places: Places | undefined): boolean =>
  places !== undefined && [...places.values()].some(({ noted }) => noted.refused === true);

/** How often a refused place was asked from says nothing: none of its asks can be told apart. */
export const anyCount = -1;

export const isRefused = (places: Places | undefined, place: Place): boolean =>
  places?.get(placeId({ ...place, count: anyCount }))?.noted.refused === true;

/** Keys that belong to noted places: an ask elsewhere does not get them. */
export const reservedIn = (places: Places | undefined): ReadonlySet<string> =>
  places === undefined ? none : new Set([...places.values()].flatMap(({ key, noted }) => (noted.refused ? [] : [key])));

const none: ReadonlySet<string> = new Set();

/** The kind of operation that a record belongs to, also where it only notes a place. */
export const kindOfRow = ({ kind, value }: Row): OperationKind | undefined => {
  if (kind !== "asked") return operationOf(kind);
  const noted = decode(value) as Noted;
  return noted.refused ? undefined : noted.of;
};

/** The records of operations and draws in the order in which the body asked for those. Undos are not asked for by a body. */
export const askOrder = (rows: readonly Row[]): readonly Row[] => {
  if (rows.length <= 1) return noRows;
  const asked = rows.filter((row) => {
    if (row.kind === "drawn") return true;
    const kind = kindOfRow(row);
    return kind !== undefined && kind !== "undo";
  });
  const isSorted = asked.every((row, at) => at === 0 || (asked[at - 1]?.issued ?? 0) <= row.issued);
  return isSorted ? asked : asked.toSorted((a, b) => a.issued - b.issued);
};

const noRows: readonly Row[] = [];

/** Draws that were made after work that is not durable, by their place and how often it was drawn from there before. */
export type Draws = ReadonlyMap<string, Drawn>;

/** `issued` is the last record that the body had been given by then. */
export type Drawn = { readonly seq: number; readonly issued: number; readonly value: number };

/** The value is what `Context.now` answered. Random numbers come from the place alone. */
export const drawsIn = (rows: readonly Row[]): Draws | undefined => {
  let draws: Map<string, Drawn> | undefined;
  for (const { seq, kind, key, attempt, value, issued } of rows) {
    if (kind !== "drawn") continue;
    draws ??= new Map();
    draws.set(`${key}\n${attempt}`, { seq, issued, value: Number(decode(value)) });
  }
  return draws;
};

/** The key of a note that what was asked for at this place was rejected at once. It is not that of a draw after the rejection. */
export const rejectionKey = (place: Place): string => `${shortId(place)}!`;

export const rejectionAt = (draws: Draws | undefined, place: Place): Drawn | undefined => draws?.get(`${rejectionKey(place)}\n0`);

/** What a `forked` record says of the run that its history was copied from: its source of chance, its birth in ms, and its rules. */
export type Forked = { readonly seed: string; readonly birth: number; readonly rules: Rules };

/** With the keys of the results that were copied; "" stands for the start of the body. */
export type Origin = Forked & { readonly keys: ReadonlySet<string> };

/** The origins that a history tells, the first run first. */
export const originsIn = (rows: readonly Row[]): readonly Origin[] => {
  const forks = rows.filter(({ kind }) => kind === "forked");
  return forks.map((fork) => {
    const keys = rows.filter(({ kind, seq }) => seq < fork.seq && isResult(kind)).map(({ key }) => key ?? "");
    return { ...(decode(fork.value) as Forked), keys: new Set(["", ...keys]) };
  });
};

export const rulesOf = (rows: readonly Row[], origins: readonly Origin[]): Rules =>
  origins[0]?.rules ?? (rows[0]?.attempt === 2 ? 2 : 1);

/** What seeds the random numbers of a run. */
export const seedOf = ({
  id,
  createdAt,
  key,
}: {
  readonly id: string;
  readonly createdAt: number;
  readonly key: number;
}): string => `${id} ${createdAt} ${key}`;

/** The value of the `forked` record in a fork of this run. */
export const forkedText = (
  run: { readonly id: string; readonly createdAt: number; readonly key: number },
  rows: readonly Row[],
): string | null => {
  const origins = originsIn(rows);
  const forked: Forked = { seed: seedOf(run), birth: origins[0]?.birth ?? run.createdAt, rules: rulesOf(rows, origins) };
  return encode(forked, { what: "origin of a fork", limit: 65_536 });
};
