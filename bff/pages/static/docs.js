"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

function show() {
  window.SwaggerUIBundle({
    dom_id: "#docs",
    url: "/openapi.json",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
  });
}

follow();
dark.addEventListener("change", follow);
document.addEventListener("DOMContentLoaded", show); // by then the scripts that were deferred have run
