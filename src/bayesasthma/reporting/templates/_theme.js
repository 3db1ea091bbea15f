// Before anything is drawn: that scripts run, and the theme chosen at an earlier visit.
document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("bayesasthma-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing */ }
