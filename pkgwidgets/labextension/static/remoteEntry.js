// @ts-check
// What JupyterLab loads: the container of a federated extension, which webpack would write. All else are ES modules.

(() => {
  let scope;
  const containers = (window["_JUPYTERLAB"] ??= {});
  containers.pkgwidgets = {
    init(shareScope) {
      scope = shareScope;
    },
    async get() {
      const { createPlugin } = await import("./plugin.js");
      const plugin = await createPlugin(scope);
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
