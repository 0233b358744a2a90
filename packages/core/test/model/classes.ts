/** Classes of the kind that users have: a value with behaviour, and heirs of the built-in ones. */
export class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
  toJSON(): number {
    return this.cents;
  }
}
export class Index extends Map<string, number> {}
export class List extends Array<number> {}
export class Blocks extends Uint8Array {}
export class CardDeclined extends Error {}
export class Named extends Error {
  override readonly name = "NamedError";
  readonly retryable = false;
}
