/** Tables that a program writes into a page, between `<!-- name -->` and `<!-- /name -->`. */

/** Replaces what stands between the marks. Throws when the page has no such place. */
export const putBetweenMarks = async (page: string, name: string, text: string): Promise<void> => {
  const was = await Bun.file(page).text();
  const marked = new RegExp(`(<!-- ${name} -->)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!marked.test(was)) throw new Error(`${page} has no place for "${name}".`);
  await Bun.write(page, was.replace(marked, `$1\n\n${text}\n\n$2`));
};
