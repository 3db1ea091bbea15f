// The explorer: what a reader chooses, what follows from it, and both in the address.
(() => {
  "use strict";
  const S = explorerStatistics, SVG = "http://www.w3.org/2000/svg", POINTS = 241;
  const at = (id) => document.getElementById(`x-${id}`);
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  for (const { quantities } of data.entries) {
    for (const { words } of quantities) for (const name of Object.keys(words)) words[name] = data.texts[words[name]];
  }
  const entries = new Map(data.entries.map((entry) => [entry.id, entry]));
  const reports = new Map();
  const REPORT = "report", OWN = "own";
  let state = null, timer = 0;

  function subject(entry) {
    const own = data.subjects[entry.subject];
    if (!own.ready) {
      for (const name of Object.keys(own.columns)) own.columns[name] = S.decoded(own.columns[name]);
      own.ready = true;
    }
    return own;
  }

  function quantity() {
    const own = state.entry.quantities;
    return own.find((q) => q.arm === state.arm && q.visit === state.visit && q.estimand === state.estimand);
  }

  // Under the report's own prior; what the plot's axis is laid out by.
  function reported(q) {
    if (!reports.has(q)) reports.set(q, S.answer(subject(state.entry), q, null, "mcid", data));
    return reports.get(q);
  }

  // ------------------------------------------------------------------ choices

  function choose(entry, wanted = {}) {
    const own = entry.quantities, [arm, visit, estimand] = entry.start;
    const pick = (among, key, value, first) => {
      const found = among.filter((q) => q[key] === value);
      return found.length ? found : among.filter((q) => q[key] === (among.some((o) => o[key] === first) ? first : among[0][key]));
    };
    let left = pick(own, "arm", wanted.arm, arm);
    left = pick(left, "estimand", wanted.estimand, estimand);
    left = pick(left, "visit", wanted.visit, visit);
    const [q] = left;
    return { entry, arm: q.arm, visit: q.visit, estimand: q.estimand, prior: null, preset: REPORT, threshold: "mcid" };
  }

  function option(value, label) {
    const element = document.createElement("option");
    element.value = value;
    element.textContent = label;
    return element;
  }

  function fill(select, pairs, chosen) {
    select.replaceChildren(...new Map(pairs.map((pair) => [pair[0], option(...pair)])).values());
    select.value = chosen;
  }

  function lists() {
    const own = state.entry.quantities, first = own[0];
    at("entry").value = state.entry.id;
    fill(at("arm"), own.map((q) => [q.arm, q.armLabel]), state.arm);
    at("arm-row").hidden = own.every((q) => q.arm === first.arm);
    const ofArm = own.filter((q) => q.arm === state.arm);
    fill(at("estimand"), ofArm.map((q) => [q.estimand, q.estimandLabel]), state.estimand);
    at("estimand-row").hidden = ofArm.every((q) => q.estimand === ofArm[0].estimand);
    fill(at("visit"), ofArm.filter((q) => q.estimand === state.estimand).map((q) => [q.visit, q.visitLabel]), state.visit);
    const groups = new Map();
    state.entry.presets.forEach(([group, label], i) => {
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(option(String(i), label));
    });
    const made = [...groups].map(([group, options]) => {
      const element = document.createElement("optgroup");
      element.label = group;
      element.append(...options);
      return element;
    });
    at("preset").replaceChildren(option(REPORT, `as in the report (${state.entry.prior})`), ...made, option(OWN, "numbers of your own"));
  }

  function rounded(value) { return Number(S.general(value)); }

  function numbers() {
    const own = subject(state.entry), q = quantity();
    const [location, scale] = state.prior || [own.location, own.scale];
    at("preset").value = state.preset;
    at("location").value = S.general(location);
    at("scale").value = S.general(scale);
    at("unit").textContent = `Normal: a prior of ${state.entry.priorOf}.`;
    at("mcid").hidden = q.mcid === null;
    const value = state.threshold === "mcid" ? (q.mcidColumn ? null : q.mcid) : state.threshold;
    at("threshold").value = value === null ? "" : S.general(value);
    at("slider").value = value === null ? 1 : Math.round(value / q.step);
    at("slider").setAttribute("aria-valuetext", S.limitText(q, state.threshold) || "none");
    at("threshold-unit").textContent = S.limitText(q, state.threshold)
      ? `${state.threshold === "mcid" ? "The MCID: " : ""}${S.limitText(q, state.threshold)}${state.threshold === "mcid" && q.mcidColumn ? " of the control arm’s mean" : ""}`
      : `${q.words.no_mcid ? `${q.words.no_mcid[0].toUpperCase()}${q.words.no_mcid.slice(1)}. ` : ""}Give one${q.unit ? ` in ${q.unit}` : ""}.`;
  }

  // ------------------------------------------------------------------ results

  function show() {
    const own = subject(state.entry), q = quantity(), [location, scale] = state.prior || [own.location, own.scale];
    const wrong = !Number.isFinite(location) || !Number.isFinite(scale) || scale <= 0;
    const found = wrong ? null : S.answer(own, q, state.prior, state.threshold, data);
    let refusal = "";
    if (wrong) refusal = "A prior needs a centre, and an SD above 0.";
    else if (q.gate !== "pass") refusal = "The fit fails its diagnostics gate for this quantity, so nothing is quoted here. Sample longer.";
    else if (!found.reliable) {
      refusal = `The draws on this page do not reach this prior: Pareto k ${fixed(found.k)} (at most ${fixed(found.most)}), ` +
        `${Math.round(found.ess)} effective draws (at least ${data.essMin}). The command below answers by a refit.`;
    }
    at("refusal").textContent = refusal;
    at("refusal").hidden = !refusal;
    at("answer").hidden = at("quote-box").hidden = Boolean(refusal);
    at("checks").hidden = Boolean(refusal);
    at("command").textContent = wrong ? "" : command(q);
    worth(q, location, scale, wrong);
    if (!refusal) results(q, found);
    plot(q, refusal ? null : found, location, scale, wrong);
  }

  const fixed = (value) => (Number.isFinite(value) ? value.toFixed(2) : "not finite");
  const minus = (text) => text.replace(/(^|\s|\()-/g, "$1−");

  function results(q, found) {
    const [mean, low, high] = S.printed(q, found, data), unit = q.unit ? ` ${q.unit}` : "";
    at("effect-name").textContent = `${q.estimandLabel}, ${q.visitLabel}`;
    const interval = document.createElement("small");
    interval.textContent = minus(` (${S.general(100 * data.ci)} % CrI ${low} to ${high})`);
    at("effect").replaceChildren(`${minus(mean)}${unit}`, interval);
    at("benefit-name").textContent = `P(${q.words.benefit})`;
    at("benefit").textContent = S.probability(found.chances[0], found.worth[0]);
    const limit = S.limitText(q, state.threshold);
    at("beyond-box").hidden = !limit;
    at("beyond-name").textContent = q.sign ? `P(benefit > ${limit})` : `P(higher by more than ${limit})`;
    if (limit) at("beyond").textContent = S.probability(found.chances[1], found.worth[1]);
    const draws = Math.round(found.ess).toLocaleString("en");
    at("checks").textContent = state.prior
      ? `Reweighted: Pareto k ${fixed(found.k)} (at most ${fixed(found.most)}), ${draws} effective draws (at least ${data.essMin}).`
      : `The report’s own prior: nothing is reweighted; ${draws} effective draws.`;
    at("quote").textContent = S.statement(q, found, state.prior, state.threshold, data);
  }

  function worth(q, location, scale, wrong) {
    const parts = [];
    if (!wrong && q.error !== null && q.patients !== null) {
      const patients = q.patients * (q.error / scale) ** 2;
      parts.push(`Worth ${patients < 0.1 ? "less than 0.1 patients" : `${patients < 10 ? patients.toFixed(1) : Math.round(patients)} patients`}; the comparison rests on ${q.patients}.`);
    }
    if (!wrong) {
      const side = state.entry.thresholdUnit === 1 ? 1 : q.sign || 1;
      const before = S.normalChance(side * location / scale);
      parts.push(`Before the data, P(${q.words.benefit}) is ${before > 0.999 ? "> 0.999" : before < 0.001 ? "< 0.001" : before.toPrecision(2)}.`);
    }
    at("worth").textContent = parts.join(" ");
  }

  function command(q) {
    let text = `${data.command} ${q.arguments}`;
    if (state.threshold !== "mcid") text += ` --threshold ${S.general(state.threshold / state.entry.thresholdUnit)}`;
    if (state.prior) text += ` --prior "normal(${state.prior.map((value) => S.general(value)).join(", ")})"`;
    return text;
  }

  // ------------------------------------------------------------------ plot

  function draw(name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function ticks(low, high) {
    const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((own) => own * power).find((own) => own >= rough);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }

  function plot(q, found, location, scale, wrong) {
    const base = reported(q), limit = state.threshold === "mcid" ? (q.mcidColumn ? null : q.mcid) : state.threshold;
    const reach = 4.2 * base.sd, sides = limit === null ? [0] : [0, (q.sign || 1) * limit];
    let low = Math.min(base.mean - reach, ...sides), high = Math.max(base.mean + reach, ...sides);
    const pad = 0.06 * (high - low);
    low -= pad; high += pad;
    const left = 8, right = 632, top = 12, bottom = 204, x = (v) => left + (right - left) * (v - low) / (high - low);
    const grid = Array.from({ length: POINTS }, (_, i) => low + (high - low) * i / (POINTS - 1));
    const curve = (own) => S.density(own.weight, own.x, own.sd, own.ess, low, high, POINTS);
    const reference = curve(base), posterior = found ? curve(found) : null;
    const sign = state.entry.thresholdUnit === 1 ? data.subjects[state.entry.subject].priorSign : 0;
    const prior = q.direct && !wrong
      ? grid.map((v) => Math.exp(-0.5 * ((sign * v - location) / scale) ** 2) / (scale * Math.sqrt(2 * Math.PI))) : null;
    const tallest = Math.max(...reference, ...(posterior || [0])), y = (d) => bottom - (bottom - top) * Math.min(d / tallest, 1.02) * 0.97;
    const path = (d) => grid.map((v, i) => `${i ? "L" : "M"}${x(v).toFixed(1)} ${y(d[i]).toFixed(1)}`).join("");
    const parts = [];
    if (posterior) {
      const from = limit === null ? 0 : limit, side = q.sign || 1;
      const inside = grid.map((v, i) => [v, posterior[i]]).filter(([v]) => side * v >= from);
      if (inside.length > 1) {
        const edge = inside.map(([v, d]) => `L${x(v).toFixed(1)} ${y(d).toFixed(1)}`).join("");
        parts.push(draw("path", { class: "x-area", d: `M${x(inside[0][0]).toFixed(1)} ${bottom}${edge}L${x(inside[inside.length - 1][0]).toFixed(1)} ${bottom}Z` }));
      }
    }
    parts.push(draw("line", { class: "x-zero", x1: x(0), x2: x(0), y1: top, y2: bottom }));
    if (limit !== null && limit > 0) {
      const place = x((q.sign || 1) * limit);
      parts.push(draw("line", { class: "x-limit", x1: place, x2: place, y1: top, y2: bottom }));
    }
    parts.push(draw("path", { class: "x-report", d: path(reference) }));
    if (prior) parts.push(draw("path", { class: "x-prior", d: path(prior) }));
    if (posterior) parts.push(draw("path", { class: "x-posterior", d: path(posterior) }));
    parts.push(draw("line", { class: "x-axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    for (const tick of ticks(low, high)) {
      parts.push(draw("line", { class: "x-axis", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 5 }));
      parts.push(draw("text", { x: x(tick), y: bottom + 27, "text-anchor": "middle" }, minus(S.general(tick))));
    }
    const arrow = q.sign > 0 ? " · benefit →" : q.sign < 0 ? " · ← benefit" : "";
    const label = q.unit ? `${q.estimandLabel[0].toUpperCase()}${q.estimandLabel.slice(1)}, ${q.unit}${arrow}` : `${q.estimandLabel}${arrow}`;
    parts.push(draw("text", { x: (left + right) / 2, y: bottom + 57, "text-anchor": "middle" }, label));
    at("plot").replaceChildren(...parts);
    const whose = state.prior ? "your prior" : "the report’s prior", key = (name) => document.querySelector(`.x-key-${name}`);
    key("prior").hidden = !prior;
    key("prior").textContent = whose;
    key("posterior").hidden = !posterior;
    key("posterior").textContent = `posterior under ${whose}`;
    key("report").hidden = !state.prior;
    const shown = found || base, [mean, from, to] = S.printed(q, shown, data);
    at("plot").setAttribute("aria-label", `Density of the ${q.estimandLabel} at ${q.visitLabel} under ${found ? "your prior" : "the report’s prior"}: ` +
      `mean ${mean}${q.unit ? ` ${q.unit}` : ""}, interval ${from} to ${to}.`);
  }

  // ------------------------------------------------------------------ the address

  function address() {
    const q = new URLSearchParams({ outcome: state.entry.id, visit: state.visit });
    if (new Set(state.entry.quantities.map((own) => own.arm)).size > 1) q.set("arm", state.arm);
    if (new Set(state.entry.quantities.map((own) => own.estimand)).size > 1) q.set("effect", state.estimand);
    if (state.threshold !== "mcid") q.set("threshold", S.general(state.threshold));
    if (state.prior) q.set("prior", `normal(${state.prior.map((value) => S.general(value)).join(",")})`);
    return `#explorer?${q}`;
  }

  function fromAddress() {
    if (!location.hash.startsWith("#explorer?")) return false;
    const q = new URLSearchParams(location.hash.slice("#explorer?".length));
    const entry = entries.get(q.get("outcome")) || data.entries[0];
    state = choose(entry, { arm: q.get("arm"), visit: q.get("visit"), estimand: q.get("effect") });
    const threshold = Number(q.get("threshold"));
    if (q.has("threshold") && Number.isFinite(threshold) && threshold > 0) state.threshold = rounded(threshold);
    const prior = /^normal\(([^,()]+),([^,()]+)\)$/.exec(q.get("prior") || "");
    if (prior) {
      const [m, s] = [Number(prior[1]), Number(prior[2])];
      if (Number.isFinite(m) && Number.isFinite(s) && s > 0) setPrior([rounded(m), rounded(s)]);
    }
    return true;
  }

  function setPrior(prior) {
    state.prior = prior;
    const known = state.entry.presets.findIndex((own) => own[2] === prior[0] && own[3] === prior[1]);
    state.preset = known < 0 ? OWN : String(known);
  }

  function update() {
    show();
    clearTimeout(timer);
    timer = setTimeout(() => {
      try { history.replaceState(null, "", address()); } catch { /* a browser that lets nobody write here */ }
    }, 200);
  }

  // ------------------------------------------------------------------ events

  function changed(entry, wanted) {
    const label = state.preset !== REPORT && state.preset !== OWN ? state.entry.presets[Number(state.preset)][1] : null;
    const kept = entry === state.entry ? state : null;
    state = choose(entry, wanted);
    if (kept) Object.assign(state, { prior: kept.prior, preset: kept.preset, threshold: kept.threshold });
    else if (label !== null) {
      const same = entry.presets.findIndex((own) => own[1] === label);
      if (same >= 0) Object.assign(state, { preset: String(same), prior: entry.presets[same].slice(2) });
    }
    lists(); numbers(); update();
  }

  at("entry").addEventListener("change", (event) => changed(entries.get(event.target.value), state));
  for (const name of ["arm", "visit", "estimand"]) {
    at(name).addEventListener("change", (event) => changed(state.entry, { ...state, [name]: event.target.value }));
  }
  at("preset").addEventListener("change", (event) => {
    const own = subject(state.entry);
    state.preset = event.target.value;
    if (state.preset === REPORT) state.prior = null;
    else if (state.preset === OWN) state.prior = state.prior || [rounded(own.location), rounded(own.scale)];
    else state.prior = state.entry.presets[Number(state.preset)].slice(2);
    numbers(); update();
  });
  for (const name of ["location", "scale"]) {
    at(name).addEventListener("input", () => {
      const read = (id) => (at(id).value.trim() === "" ? NaN : rounded(Number(at(id).value)));
      state.preset = OWN;
      state.prior = [read("location"), read("scale")];
      at("preset").value = OWN;
      update();
    });
  }
  at("slider").addEventListener("input", (event) => {
    state.threshold = rounded(Math.max(Number(event.target.value), 1) * quantity().step);
    numbers(); update();
  });
  at("threshold").addEventListener("input", (event) => {
    const value = Number(event.target.value);
    state.threshold = event.target.value.trim() !== "" && Number.isFinite(value) && value > 0 ? rounded(value) : "mcid";
    const typed = event.target.value;
    numbers();
    event.target.value = typed;
    update();
  });
  at("mcid").addEventListener("click", () => { state.threshold = "mcid"; numbers(); update(); });
  document.querySelector(".x-controls").addEventListener("submit", (event) => event.preventDefault());

  function copy(text, what) {
    const said = (message) => { at("copied").textContent = message; };
    const fallback = () => {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      said(done ? `${what} copied.` : "The browser does not allow copying: select the text instead.");
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => said(`${what} copied.`), fallback);
    else fallback();
  }
  at("copy").addEventListener("click", () => copy(at("quote").textContent, "Statement"));
  at("copy-link").addEventListener("click", () => copy(`${location.href.split("#")[0]}${address()}`, "Link"));
  addEventListener("hashchange", () => { if (fromAddress()) { lists(); numbers(); show(); } });

  if (fromAddress()) document.getElementById("explorer").scrollIntoView();
  else state = choose(data.entries[0]);
  document.querySelector(".x-panes").hidden = false;
  lists(); numbers(); show();
})();
