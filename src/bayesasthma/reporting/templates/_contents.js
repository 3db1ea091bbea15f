// Navigation: menu on a phone, where one is reading, and the choice of theme.
(() => {
  const root = document.documentElement, side = document.getElementById("contents");
  const menu = document.getElementById("menu");
  const open = (yes) => {
    side.classList.toggle("open", yes);
    menu.setAttribute("aria-expanded", String(yes));
  };
  menu.addEventListener("click", () => {
    open(!side.classList.contains("open"));
    if (side.classList.contains("open")) side.querySelector("a")?.focus();
  });
  side.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && side.classList.contains("open")) { open(false); menu.focus(); }
  });

  const theme = document.createElement("button");
  theme.type = "button";
  theme.className = "theme";
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => { theme.textContent = isDark() ? "Light page" : "Dark page"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("bayesasthma-theme", root.dataset.theme); } catch { /* not kept */ }
    label();
  });
  label();
  side.append(theme);

  const links = new Map();
  for (const link of side.querySelectorAll('a[href^="#"]')) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target) links.set(target, link);
  }
  const seen = new Set();
  const mark = () => {
    let here = null;
    for (const [target, link] of links) {
      if (seen.has(target)) here = link;
      link.removeAttribute("aria-current");
    }
    if (!here) return;
    here.setAttribute("aria-current", "true");
    if (!matchMedia("(max-width: 900px)").matches) {
      const box = here.getBoundingClientRect(), edge = side.getBoundingClientRect();
      if (box.top < edge.top || box.bottom > edge.bottom) side.scrollTop += box.top - edge.top - edge.height / 3;
    }
  };
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) entry.isIntersecting ? seen.add(entry.target) : seen.delete(entry.target);
    mark();
  }, { rootMargin: "0px 0px -75% 0px" });
  for (const target of links.keys()) watch.observe(target);
})();
