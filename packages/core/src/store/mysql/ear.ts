/** How a process learns on MySQL that another one wrote: by looking at what the others have counted. */
import type { Pace } from "../contract.ts";
import { whole } from "../server/fields.ts";
import type { Pool } from "../server/link.ts";
import { createNews, type Words } from "../server/news.ts";
import { json, listed, statement } from "./text.ts";

const now = "floor(unix_timestamp(now(6)) * 1000)";

const addNews = `insert into holdfast_news (told, at) values (1, ${now})`;

/** Within a transaction of the user's: a row that nobody else writes. */
export const tellWithin = statement(addNews);

const words: Words = {
  introduce: async (link) => {
    await link.send(addNews);
    const [row] = await link.send("select last_insert_id() as own");
    return row ? whole(row, "own") : 0;
  },
  tell: (own) => statement(`update holdfast_news set told = told + 1, at = ${now} where \`key\` = ?`, own),
  look: (own) =>
    statement(
      "select count(*) as a, coalesce(sum(n.told), 0) as b, coalesce(sum(n.key), 0) as c, coalesce(max(n.key), 0) as d from holdfast_news as n where n.key <> ?",
      own,
    ),
  silent: (own, age) => statement(`select n.key from holdfast_news as n where n.key <> ? and n.at < ${now} - ?`, own, age),
  remove: (keys) =>
    statement(
      `delete n from ${listed("bigint")} straight_join holdfast_news as n force index (primary) on n.key = given.value`,
      json(keys),
    ),
};

export const createEar = (pool: Pool, options: { readonly poll: number; readonly pace: Pace }) =>
  createNews(pool, words, options);
