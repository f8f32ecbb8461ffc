import { HEADLINES, TWINS } from "./scenarios.ts";

for (const { name, prove, run } of [...HEADLINES, ...TWINS]) {
  await prove();
  Deno.bench(name, { group: HEADLINES.some((headline) => headline.name === name) ? "headline" : "twin" }, () => run() as Promise<void>);
}
