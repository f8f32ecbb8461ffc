/** The generic loader: sources and a schema in, one checked tree out, with places, reasons and differences. Knows no table. */
export { environmentNames, type EnvironmentSource } from "./environment.ts";
export { type Explanation, type SourcedValue } from "./explain.ts";
export { expandVariables, type Expansion } from "./expand.ts";
export { type Layer, placeOf } from "./layer.ts";
export { load, type Loaded, type Sources } from "./load_layers.ts";
export { type ConfigSchema, type LayerProblem, type Settlement } from "./config_schema.ts";
export {
  type Change,
  diff,
  formatPath,
  isSame,
  isTable,
  merge,
  parsePath,
  type Path,
  setAt,
  type Tree,
  type Value,
  valueAt,
} from "../schema/tree.ts";
