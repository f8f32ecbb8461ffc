/**
 * Every route of a daemon, declared once: what answers it, `/v1/openapi.json`, docs/reference and the client's checks are made of this.
 *
 * @module
 */
import type { RouteDeclaration } from "../../core/wire/route.ts";
import { DAEMON_ROUTES } from "./daemon.ts";
import { EVENT_ROUTES } from "./events.ts";
import { HEALTH_ROUTES } from "./health.ts";
import { LOG_ROUTES } from "./logs.ts";
import { METRIC_ROUTES } from "./metrics.ts";
import { PROFILE_ROUTES } from "./profile.ts";
import { UNIT_ROUTES } from "./units.ts";

/** All of them, those of further features left out. */
export const ROUTES: readonly RouteDeclaration[] = [
  HEALTH_ROUTES,
  METRIC_ROUTES,
  DAEMON_ROUTES,
  UNIT_ROUTES,
  LOG_ROUTES,
  EVENT_ROUTES,
  PROFILE_ROUTES,
].flatMap((group) => Object.values<RouteDeclaration>(group));

export { DAEMON_ROUTES, EVENT_ROUTES, HEALTH_ROUTES, LOG_ROUTES, METRIC_ROUTES, PROFILE_ROUTES, UNIT_ROUTES };
export type { StatusAnswer } from "./daemon.ts";
export type { OutcomesAnswer } from "./parts.ts";
export type { UnitCommand } from "./units.ts";
