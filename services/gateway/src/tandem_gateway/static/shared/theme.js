// Light or dark: what was chosen, else what the system says. A plain script in the head, so that
// the first paint is right.
(() => {
  const KEY = "tandem-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function stored() {
    try { return localStorage.getItem(KEY); } catch { return null; }
  }

  function apply() {
    const asked = new URLSearchParams(location.search).get("theme");
    const wanted = asked === "light" || asked === "dark" ? asked : stored();
    root.dataset.theme = wanted || (system.matches ? "dark" : "light");
  }

  window.tandemTheme = {
    current: () => root.dataset.theme,
    choose(theme) {
      try { localStorage.setItem(KEY, theme); } catch { /* not remembered */ }
      root.dataset.theme = theme;
    },
  };
  apply();
  system.addEventListener("change", apply);
})();
