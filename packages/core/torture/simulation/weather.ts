/** The weather of a seed: which faults there are, how often, and in what shape the workers are. Each seed mixes its own. */
import { defaults, type Settings } from "../../src/engine/settings.ts";
import type { Chance } from "../../test/fuzz/chance.ts";

/** Shares from 0 to 1, unless it says ms. */
export type Weather = {
  /** Of transactions: the lock is held elsewhere. */
  readonly busy: number;
  /** Of commits: nothing of it is written, and an I/O error says so. */
  readonly refused: number;
  /** Of commits: all of it is written, and an I/O error is what is heard. */
  readonly lost: number;
  /** Of statements in a transaction: the disk is full. */
  readonly full: number;
  /** Of reads: an I/O error, or a lock. */
  readonly unread: number;
  /** Of answers: late by up to `late` ms, so that those of different workers change places. */
  readonly slow: number;
  readonly late: number;
  /** Of hints that another process wrote: the kernel swallows them. */
  readonly unheard: number;
};

/** What the world does to the workers and asks of the runs: how often each, beside the others. */
export type Doings = Readonly<Record<Doing, number>>;
export type Doing =
  | "start"
  | "signal"
  | "cancel"
  | "pause"
  | "resume"
  | "crash"
  | "crash-at-commit"
  | "stop"
  | "close"
  | "jump"
  | "trouble";

export type Mix = {
  readonly weather: Weather;
  readonly doings: Doings;
  readonly workers: number;
  /** Ms between two doings, on average. */
  readonly pace: number;
  readonly settings: Settings;
};

export const fair: Weather = { busy: 0, refused: 0, lost: 0, full: 0, unread: 0, slow: 0, late: 0, unheard: 0 };

export const mixOf = (chance: Chance): Mix => {
  const { next, happens } = chance;
  const one = <T>(...of: readonly [T, ...T[]]): T => chance.one(of) ?? of[0];
  /** Absent from half of the seeds; where it is there, anything from seldom to often. */
  const some = (most: number): number => (happens(0.5) ? most * 10 ** (-1.3 * next()) : 0);
  const lease = one(3_000, 10_000, 30_000);
  return {
    weather: {
      busy: some(0.3),
      refused: some(0.15),
      lost: some(0.15),
      full: some(0.02),
      unread: some(0.05),
      slow: some(0.5),
      late: one(5, 100, 2_000),
      unheard: some(1),
    },
    doings: {
      start: 8,
      signal: 10,
      cancel: some(2),
      pause: some(3),
      resume: 3,
      crash: some(4),
      "crash-at-commit": some(8),
      stop: some(6),
      close: some(2),
      jump: some(3),
      trouble: some(1),
    },
    workers: one(1, 2, 3, 4),
    pace: one(20, 100, 500),
    settings: {
      ...defaults,
      crashes: 1_000_000,
      concurrency: one(2, 5, 256),
      hot: one(0, 2, 1_000),
      poll: one(200, 1_000, 3_000),
      lease,
      heartbeat: Math.min(defaults.heartbeat, lease / 6),
    },
  };
};
