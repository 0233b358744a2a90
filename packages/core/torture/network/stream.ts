/** One direction of a connection: pieces in their order, each at its moment, as fast as the other end takes them. */
import type { Socket } from "bun";

export type Stream = {
  /** A piece is on its way for so many ms; it does not overtake those before it. */
  readonly push: (piece: Buffer, ms: number) => void;
  /** Hands over what is due. */
  readonly pump: () => void;
  /** Nothing more comes: the other end is closed once it has all. */
  readonly finish: () => void;
};

type Piece = { readonly bytes: Buffer; readonly at: number };

/** While `isHeld`, nothing is handed over; whoever lets go calls `pump`. */
export const createStream = (to: () => Pick<Socket<unknown>, "write" | "end"> | undefined, isHeld: () => boolean): Stream => {
  const pieces: Piece[] = [];
  let finished = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const pump = (): void => {
    const end = to();
    if (!end || isHeld()) return;
    clearTimeout(timer);
    for (let piece = pieces[0]; piece; piece = pieces[0]) {
      const wait = piece.at - performance.now();
      if (wait > 0) {
        timer = setTimeout(pump, wait);
        return;
      }
      const written = end.write(piece.bytes);
      if (written < 0) return void pieces.splice(0);
      if (written < piece.bytes.length) {
        // The rest when it drains.
        pieces[0] = { ...piece, bytes: piece.bytes.subarray(written) };
        return;
      }
      pieces.shift();
    }
    if (finished) end.end();
  };

  return {
    push: (bytes, ms) => {
      pieces.push({ bytes, at: Math.max(performance.now() + ms, pieces.at(-1)?.at ?? 0) });
      pump();
    },
    pump,
    finish: () => {
      finished = true;
      pump();
    },
  };
};
