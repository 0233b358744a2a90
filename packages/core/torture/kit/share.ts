/** A number from 0 up to 1 that a text stands for: chance that processes which know nothing of each other can have again. */
export const shareOf = (text: string): number => Bun.hash.crc32(text) / 4_294_967_296;
