// Files imported `with { type: "text" }`. The repository has no JavaScript of its own, so a `.js` import here is always text.
// The package ships its sources: a file that imports text opens with `/// <reference path="…/text-imports.d.ts" />`,
// so that its users' type check finds this too.

declare module "*.sql" {
  const text: string;
  export default text;
}

declare module "*.js" {
  const text: string;
  export default text;
}

declare module "*.mjs" {
  const text: string;
  export default text;
}
