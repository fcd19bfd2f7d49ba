// Shows the API's description with Swagger UI. What is tried out goes to this very host, with the
// key that is given under "Authorize", which is kept by this page alone and until it is left.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", theme);
theme();

SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null, // it would ask another host
  requestSnippetsEnabled: false,
});
