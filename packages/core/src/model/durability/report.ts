/** What a database really promises: its settings as it tells them, and what weakens a promise of Holdfast, with what to do. */

/** A setting as the database tells it. `"unknown"` when it does not, with the reason in `why`. */
export type Fact = { readonly setting: string; readonly value: string; readonly why?: string };

export type Dialect = "sqlite" | "postgres" | "mysql";

/** What was asked of a database before anything was written. */
export type Settings = { readonly dialect: Dialect; readonly version: string; readonly facts: readonly Fact[] };

/** A setting that weakens a promise. `breaks` says that one is broken: what was acknowledged may be lost in a crash or a power cut, or be written by two. */
export type Warning = {
  readonly code: string;
  readonly setting: string;
  readonly value: string;
  readonly breaks: boolean;
  readonly means: string;
  readonly fix: string;
};

export type Report = {
  /** What people call the database: a path, or a URL without its password. */
  readonly database: string;
  readonly dialect: Dialect;
  readonly version: string;
  readonly facts: readonly Fact[];
  readonly warnings: readonly Warning[];
};

/** The value of another setting, undefined when it is not known. */
export type Look = (setting: string) => string | undefined;

/** What makes a warning of a setting. It is not asked about what is unknown. */
export type Rule = Omit<Warning, "value"> & { readonly isWeak: (value: string, look: Look) => boolean };

export const unknown = "unknown";

const lookIn =
  (facts: readonly Fact[]): Look =>
  (setting) => {
    const value = facts.find((fact) => fact.setting === setting)?.value;
    return value === unknown ? undefined : value;
  };

export const warningsOf = (rules: readonly Rule[], facts: readonly Fact[]): readonly Warning[] => {
  const look = lookIn(facts);
  return rules.flatMap(({ code, setting, isWeak, ...rest }) => {
    const value = look(setting);
    return value !== undefined && isWeak(value, look) ? [{ code, setting, value, ...rest }] : [];
  });
};

/** True when the numbers of one version come before those of another. */
export const isBefore = (version: readonly number[], oldest: readonly number[]): boolean => {
  const at = oldest.findIndex((part, index) => part !== (version[index] ?? 0));
  return at >= 0 && (version[at] ?? 0) < (oldest[at] ?? 0);
};
