/**
 * What we test with: a clock that stands still until told to go on, and more of the kind.
 *
 * @module
 */
export { FakeClock } from "./fake_clock.ts";
