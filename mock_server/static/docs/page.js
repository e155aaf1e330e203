/** Show an OpenAPI document with Swagger UI, and the evidence for its parts. The element of the page says
 * which document. */

import { badges } from "./badges.js"

const dark = matchMedia("(prefers-color-scheme: dark)")
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches)
dark.addEventListener("change", follow)
follow()

const { url, questions, questionsPage, remember } = document.querySelector("#document").dataset
window.SwaggerUIBundle({
  url,
  dom_id: "#document",
  deepLinking: true,
  persistAuthorization: remember === "true",
  plugins: [badges(JSON.parse(questions), questionsPage)],
  showExtensions: true,
  validatorUrl: null,
})
