/** Preact with its hooks, and htm for templates without a build step. */

export * from "./vendor/htm-preact.js";
