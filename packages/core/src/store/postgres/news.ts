/** How a process behind a pooler in transaction mode learns that another one wrote: nobody can be called there, so it looks. */
import type { Words } from "../server/news.ts";
import { whole } from "../server/fields.ts";
import { channel } from "./ear.ts";
import { json, listed, statement } from "./text.ts";

const now = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** Those that are not behind a pooler listen. */
const call = `pg_notify('${channel}', 'news')`;

const addNews = `insert into holdfast_news (told, at) values (1, ${now}) returning key`;

/** Within a transaction of the user's: a row that nobody else writes, and a call. */
export const tellWithin = statement(`with told as (${addNews}) select ${call} from told`);

export const news: Words = {
  introduce: async (link) => {
    const [row] = await link.send(addNews);
    return row ? whole(row, "key") : 0;
  },
  tell: (own) =>
    statement(
      `with told as (update holdfast_news set told = told + 1, at = ${now} where key = $1 returning key) select ${call} from told`,
      own,
    ),
  look: (own) =>
    statement(
      "select count(*) as a, coalesce(sum(told), 0) as b, coalesce(sum(key), 0) as c, coalesce(max(key), 0) as d from holdfast_news where key <> $1",
      own,
    ),
  silent: (own, age) => statement(`select key from holdfast_news where key <> $1 and at < ${now} - $2::bigint`, own, age),
  remove: (keys) => statement(`delete from holdfast_news where key in ${listed("bigint")}`, json(keys)),
};
