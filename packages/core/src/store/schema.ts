/** The schema of a database that is not opened as a store: looked at, moved, printed. */
import type { Migration } from "./migration.ts";
import type { DialectName, Migrator } from "./migrations/migrator.ts";
import type { Steps } from "./migrations/steps.ts";
import { placeOf, type DrizzleDatabase, type Place } from "./open.ts";

/** `creates` says that a database that is not there may be made. */
export type Reach = { readonly creates: boolean; readonly migrations?: readonly Migration[] | undefined };

/** Does work on a database, and lets go of it. Throws what reaching it throws, and what the work throws. */
export const onSchema = async <T>(
  database: string | DrizzleDatabase,
  reach: Reach,
  work: (migrator: Migrator) => Steps<T>,
): Promise<T> => {
  const place = await placeOf(database);
  const migrator = await migratorFor(place.dialect, reach.migrations);
  const reachedBy = await wayOf(place, reach);
  return reachedBy(work(migrator));
};

type Run = <T>(steps: Steps<T>) => Promise<T>;

const wayOf = async (place: Place, { creates }: Reach): Promise<Run> => {
  switch (place.dialect) {
    case "postgres": {
      const { reach } = await import("./postgres/reach.ts");
      return (steps) => reach(place, steps);
    }
    case "mysql": {
      const { reach } = await import("./mysql/reach.ts");
      return (steps) => reach(place, steps);
    }
    case "sqlite": {
      const [{ reach }, { clientOf }] = await Promise.all([import("./sqlite/reach.ts"), import("./sqlite/store.ts")]);
      const target = "path" in place ? place.path : clientOf(place.database);
      return (steps) => reach(target, creates, steps);
    }
  }
};

export const migratorFor = async (dialect: DialectName, migrations?: readonly Migration[]): Promise<Migrator> => {
  const { migratorOf } =
    dialect === "postgres"
      ? await import("./postgres/migrate.ts")
      : dialect === "mysql"
        ? await import("./mysql/migrate.ts")
        : await import("./sqlite/migrate.ts");
  return migratorOf(migrations);
};
