import { LISTEN_TABLE } from "../control/keys.ts";
import type { FeatureTable } from "../schema/feature_table.ts";
import { SERVICE_TABLE } from "../service/service_tables.ts";

/** The tables of the features that every daemon has, in the order of a reload: the one file of this folder to touch to add one. */
export const FEATURE_TABLES: readonly FeatureTable[] = [LISTEN_TABLE, SERVICE_TABLE];
