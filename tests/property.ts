import fc from "fast-check";
import process from "node:process";

const { TEST_SEED: seed = "1", TEST_HISTORIES: histories = "3000" } = process.env;

// The same values in each run: whoever changes something else is not stopped by what they did not cause. TEST_SEED=random looks for more.
if (seed !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });

/** Number of histories that a model is compared over. */
export const HISTORIES: number = Number(histories);

/** Properties over values that are the same in each run; `TEST_SEED` is a number that gives others, or `random`. */
export default fc;
