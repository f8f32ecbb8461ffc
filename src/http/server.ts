import type { Clock } from "../core/ports/clock.ts";
import type { Files } from "../core/ports/files.ts";
import type { Http, HttpServer } from "../core/ports/http.ts";
import type { Histogram } from "../core/ports/meter.ts";
import type { Context, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { folderOf } from "../core/values/paths.ts";
import { addressText } from "../core/wire/address.ts";
import type { HttpSpec } from "./options.ts";

/** Ports of {@linkcode ProgramServer}. */
export interface ProgramServerPorts {
  /** Serves. */
  readonly http: Http;
  /** Makes the folder of a socket. */
  readonly files: Files;
  /** Measures how long answers take. */
  readonly clock: Clock;
}

/** Bounds of the series that the seed names: from half a millisecond to a second. */
const LATENCY_BUCKETS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/**
 * A server of a program, as a subsystem: it is ready when it listens. When it is told to stop, it accepts no more, lets the requests under way
 * end, each with `Connection: close`, and cuts what is left when the graceful time is over.
 */
export class ProgramServer implements Subsystem {
  readonly name: string;
  readonly spec: SubsystemSpec = { readiness: "manual" };
  readonly #options: HttpSpec;
  readonly #ports: ProgramServerPorts;
  #server: HttpServer | undefined;
  #underWay = 0;

  /** Creates one that does not listen yet. */
  constructor(options: HttpSpec, ports: ProgramServerPorts) {
    this.name = options.name;
    this.#options = options;
    this.#ports = ports;
  }

  /** Where it listens, and how many requests it is answering. */
  details(): Readonly<Record<string, unknown>> {
    const server = this.#server;
    return server === undefined ? {} : { address: addressText(server.address), requests: this.#underWay };
  }

  /** Listens until it is told to stop. */
  async run(context: Context): Promise<void> {
    const { address, maxConnections, mode } = this.#options;
    const { http, files } = this.#ports;
    if ("unix" in address) files.makeDir(folderOf(address.unix));
    const latency = context.metrics.histogram("request_latency_seconds", {
      help: "Time from a request's head to its answer's, by server, method and status.",
      labels: ["server", "method", "status"],
      buckets: LATENCY_BUCKETS,
    });
    const server = this.#server = await http.serve(address, (request) => this.#answer(request, context, latency), {
      maxConnections: () => maxConnections,
      ...(mode === undefined ? {} : { mode }),
    });
    const forced = new AbortController();
    try {
      context.log.info("listening", { address: addressText(server.address) });
      context.ready();
      await context.cancelled();
    } finally {
      using _forced = context.onForce(() => forced.abort());
      await server.stop({ signal: forced.signal });
      this.#server = undefined;
    }
  }

  async #answer(request: Request, context: Context, latency: Histogram): Promise<Response> {
    const { clock } = this.#ports;
    const startMs = clock.nowMs();
    this.#underWay++;
    let response: Response;
    try {
      response = await this.#options.fetch(request, context);
      if (!(response instanceof Response)) {
        throw new TypeError(`Cannot answer as fetch must return a Response: current value is ${String(response)}`);
      }
    } catch (error) {
      context.log.error("a request failed", { method: request.method, url: request.url, err: error });
      // The reason is for the log: a stranger learns nothing of it.
      response = new Response("Internal Server Error\n", { status: 500 });
    } finally {
      this.#underWay--;
    }
    const method = KNOWN_METHODS.has(request.method) ? request.method : "other";
    latency.labels({ server: context.name, method, status: response.status }).record((clock.nowMs() - startMs) / 1_000);
    return response;
  }
}

/** A client may send any word, and each would be a series of its own. */
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
