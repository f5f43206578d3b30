import { defineConfig } from "vite";

/** The server that `npm run dev -w ui` hands API requests to. */
const platform = "http://127.0.0.1:8080";

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the console also works behind a proxy that serves the platform below a path.
  base: "./",
  build: {
    target: "es2022",
    // The content security policy allows files of our own and nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    // Compressed it would save 300 bytes, for a second of loading what does it.
    cssMinify: false,
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { "/kiln": platform } },
});
