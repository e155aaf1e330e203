/** Preact with its hooks, and htm for templates without a build step. */

import htm from "./vendor/htm.js";
import { h } from "./vendor/htm-preact.js";

export * from "./vendor/htm-preact.js";

/** As theirs, which keeps elements without values; their parents keep all that was shown with them. */
export const html = htm.bind(function (...given) {
  this[0] = 3;
  return h(...given);
});
