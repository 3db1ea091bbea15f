// What comparison/reweighting.py and comparison/reader_quotes.py do, on the draws of the page.
const explorerStatistics = (() => {
  "use strict";
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const STEPS = 4095;

  function decoded([low, high, text]) {
    const values = new Float64Array(text.length / 2);
    for (let i = 0; i < values.length; i++) {
      const step = ALPHABET.indexOf(text[2 * i]) * 64 + ALPHABET.indexOf(text[2 * i + 1]);
      values[i] = low + step * (high - low) / STEPS;
    }
    return values;
  }

  const sum = (x) => x.reduce((total, value) => total + value, 0);
  const dot = (w, x) => { let total = 0; for (let i = 0; i < w.length; i++) total += w[i] * x[i]; return total; };
  const largest = (x) => x.reduce((a, b) => Math.max(a, b), -Infinity);

  function logSumExp(x) {
    const top = largest(x);
    return top + Math.log(sum(x.map((value) => Math.exp(value - top))));
  }

  function order(x) {
    return Array.from(x.keys()).sort((i, j) => x[i] - x[j] || i - j);
  }

  // The generalised Pareto fit of Zhang and Stephens (2009), to sorted exceedances.
  function paretoFit(x) {
    const n = x.length, points = 30 + Math.floor(Math.sqrt(n));
    const quartile = x[Math.trunc(n / 4 + 0.5 - 1)];
    if (quartile <= x[0]) return [NaN, NaN];
    let b = Array.from({ length: points }, (_, i) => (1 - Math.sqrt(points / (i + 0.5))) / (3 * quartile) + 1 / x[n - 1]);
    const shape = (own) => { let total = 0; for (let i = 0; i < n; i++) total += Math.log1p(-own * x[i]); return total / n; };
    const likelihood = b.map((own) => { const k = shape(own); return n * (Math.log(-own / k) - k - 1); });
    const all = logSumExp(likelihood);
    let weight = likelihood.map((value) => Math.exp(value - all));
    const kept = weight.map((value) => value >= 10 * Number.EPSILON);
    b = b.filter((_, i) => kept[i]);
    weight = weight.filter((_, i) => kept[i]);
    const total = sum(weight), centre = sum(b.map((own, i) => own * weight[i])) / total;
    const k = shape(centre), sigma = -k / centre;
    const steadied = (n * k + 5) / (n + 10);
    return Number.isNaN(steadied) ? [Infinity, NaN] : [steadied, sigma];
  }

  // Pareto-smoothed weights (Vehtari et al. 2024), which sum to 1, and k.
  function smoothed(ratio, efficiency) {
    const n = ratio.length, top = largest(ratio);
    let log = Float64Array.from(ratio, (value) => value - top), k = -Infinity;
    if (log.some((value) => value !== log[0])) {
      k = NaN;
      const tail = n * efficiency > 225 ? Math.floor(3 * Math.sqrt(n / efficiency)) : Math.floor(n / 5);
      const ranked = order(log), last = ranked.slice(n - tail);
      const most = log[last[tail - 1]], least = log[last[0]];
      if (tail >= 5 && most - least >= 2.2250738585072014e-308) {
        const cutoff = Math.exp(log[ranked[n - tail - 1]]);
        const [shape, sigma] = paretoFit(last.map((i) => Math.exp(log[i]) - cutoff));
        k = shape;
        if (Number.isFinite(shape) && sigma > 0) {
          last.forEach((i, place) => {
            const survival = -Math.log1p(-(place + 0.5) / tail);
            const quantile = shape === 0 ? cutoff + sigma * survival : cutoff + sigma * Math.expm1(shape * survival) / shape;
            const value = Math.log(quantile);
            log[i] = value > most ? most : value;
          });
        }
      }
    }
    const all = largest(log), weight = log.map((value) => Math.exp(value - all)), total = sum(weight);
    return [weight.map((value) => value / total), k];
  }

  function effective(weight, x) {
    const centre = dot(weight, x);
    let spread = 0, error = 0, squares = 0;
    for (let i = 0; i < x.length; i++) {
      const deviation = (x[i] - centre) ** 2;
      spread += weight[i] * deviation;
      error += weight[i] ** 2 * deviation;
      squares += weight[i] ** 2;
    }
    return error > 0 ? spread / error : 1 / squares;
  }

  // Akinshin (2023), type 7.
  function quantile(weight, x, p, ranked) {
    let total = 0, squares = 0;
    for (const w of weight) { total += w; squares += w * w; }
    const n = total * total / squares, h = (n - 1) * p + 1;
    const place = (share) => Math.max((h - 1) / n, Math.min(h / n, share)) * n - h + 1;
    let below = 0, found = 0, before = place(0);
    for (const i of ranked) {
      below += weight[i] / total;
      const here = place(below);
      found += x[i] * (here - before);
      before = here;
    }
    return found;
  }

  function quadraticForm(subject, location, scale) {
    const { effects, columns, draws, priorSign } = subject;
    const arms = effects.length, count = effects[0].length, result = new Float64Array(draws);
    const logit = subject.share ? columns[subject.share] : null;
    const read = effects.map((own) => own.map((name) => columns[name]));
    for (let i = 0; i < draws; i++) {
      const share = logit ? 1 / (1 + Math.exp(-logit[i])) : 0, inflation = 1 + (count - 1) * share;
      const within = (x) => {
        let squares = 0, total = 0;
        for (const value of x) { squares += value * value; total += value; }
        return (squares - share / inflation * total * total) / (1 - share);
      };
      const each = read.map((own) => own.map((column) => (priorSign * column[i] - location) / scale));
      const whole = each[0].map((_, t) => sum(each.map((own) => own[t])));
      result[i] = 2 * (sum(each.map(within)) - within(whole) / (arms + 1));
    }
    return result;
  }

  function values(subject, quantity) {
    const result = new Float64Array(subject.draws);
    for (const [name, coefficient] of quantity.terms) {
      const column = subject.columns[name];
      for (let i = 0; i < result.length; i++) result[i] += coefficient * column[i];
    }
    return result;
  }

  // prior: [location, scale] or null for the fitted one; threshold: number, "mcid" or null.
  function answer(subject, quantity, prior, threshold, settings) {
    let ratio = new Float64Array(subject.draws);
    if (prior) {
      const wanted = quadraticForm(subject, ...prior), fitted = quadraticForm(subject, subject.location, subject.scale);
      ratio = ratio.map((_, i) => -0.5 * (wanted[i] - fitted[i]));
    }
    const [weight, k] = smoothed(ratio, subject.efficiency);
    const x = values(subject, quantity), mean = dot(weight, x), squares = dot(weight, weight);
    const sd = Math.sqrt(dot(weight, x.map((value) => (value - mean) ** 2)) / (1 - squares));
    const ranked = order(x), tail = (1 - settings.ci) / 2;
    const low = quantile(weight, x, tail, ranked), high = quantile(weight, x, 1 - tail, ranked);
    const benefit = quantity.sign === 0 ? x : x.map((value) => quantity.sign * value);
    const limit = limits(subject, quantity, threshold);
    const sets = [benefit.map((value) => +(value > 0))];
    if (limit) {
      sets.push(benefit.map((value, i) => +(value > limit(i))));
      sets.push(benefit.map((value, i) => +(-value > limit(i))));
      sets.push(x.map((value, i) => +(Math.abs(value) < limit(i))));
    }
    const chances = sets.map((own) => dot(weight, own));
    const worth = [...sets, x.map((value) => +(value < low)), x.map((value) => +(value > high)), x]
      .map((own) => subject.efficiency * effective(weight, own));
    const most = Math.min(1 - 1 / Math.log10(subject.draws), settings.kMax), ess = Math.min(...worth);
    const essEnds = Math.min(...worth.slice(-3));
    return {
      weight, x, mean, sd, low, high, chances, worth, ess, essEnds, k,
      reliable: k <= most && ess >= settings.essMin, most,
    };
  }

  function limits(subject, quantity, threshold) {
    if (threshold === null) return null;
    if (threshold !== "mcid") return () => threshold;
    if (quantity.mcid === null) return null;
    const column = quantity.mcidColumn ? subject.columns[quantity.mcidColumn] : null;
    return column ? (i) => quantity.mcid * column[i] : () => quantity.mcid;
  }

  // ------------------------------------------------------------------------------ words

  // As Python's format with "g" and this many significant digits.
  function general(value, digits = 6) {
    if (value === 0) return "0";
    const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
    if (exponent < -4 || exponent >= digits) {
      const [head, power] = value.toExponential(digits - 1).split("e");
      const short = head.includes(".") ? head.replace(/\.?0+$/, "") : head;
      return `${short}e${power[0]}${power.slice(1).padStart(2, "0")}`;
    }
    const text = value.toFixed(Math.max(digits - 1 - exponent, 0));
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  }

  function decimals(sd) {
    if (!Number.isFinite(sd) || sd <= 0) return 2;
    return Math.min(Math.max(1 - Math.floor(Math.log10(sd)), 0), 6);
  }

  function probability(p, ess) {
    if (!Number.isFinite(p)) return "n/a";
    const even = (p * ess + 0.5) / (ess + 1), error = Math.sqrt(even * (1 - even) / ess);
    let digits = 3;
    while (digits > 1 && 10 ** -digits < 2 * error / Math.sqrt(10)) digits -= 1;
    const limit = 10 ** -digits;
    if (p > 1 - limit) return `> ${(1 - limit).toFixed(digits)}`;
    if (p < limit) return `< ${limit.toFixed(digits)}`;
    return p.toFixed(digits);
  }

  function limitText(quantity, threshold) {
    if (threshold === null || (threshold === "mcid" && quantity.mcid === null)) return "";
    if (threshold === "mcid" && quantity.mcidColumn) return `${general(100 * quantity.mcid)} %`;
    return `${general(threshold === "mcid" ? quantity.mcid : threshold)} ${quantity.unit}`.trim();
  }

  // Decimals whose last one is worth at least two thirds of a Monte Carlo error: results/printed_digits.py.
  function supportedDecimals(error, most, settings) {
    if (!(error > 0) || !Number.isFinite(error)) return Math.min(most, settings.mostDecimals);
    return Math.min(most, Math.floor(-Math.log10(2 * error / Math.sqrt(10)) + 1e-12));
  }

  function rounded(value, places) {
    const unit = 10 ** -Math.min(places, 0);
    const text = (Math.round(value / unit) * unit).toFixed(0), fine = value.toFixed(Math.max(places, 0));
    const shown = places < 0 ? text : fine;
    return Number(shown) === 0 ? shown.replace("-", "") : shown;
  }

  function printed(quantity, found, settings) {
    const error = found.sd * settings.endError / Math.sqrt(found.essEnds);
    const places = quantity.places === null ? supportedDecimals(error, decimals(found.sd), settings) : quantity.places;
    return [found.mean, found.low, found.high].map((value) => rounded(value, places));
  }

  function statement(quantity, found, prior, threshold, settings) {
    const words = quantity.words, [mean, low, high] = printed(quantity, found, settings);
    const unit = quantity.unit ? ` ${quantity.unit}` : "";
    const parts = [`${words.head} ${mean}${unit} (${general(100 * settings.ci)} % CrI ${low} to ${high})`];
    const chance = (i) => probability(found.chances[i], found.worth[i]);
    const limit = limitText(quantity, threshold);
    if (quantity.sign) {
      parts.push(`P(${words.benefit}) ${chance(0)}`);
      if (limit) parts.push(`P(benefit > ${limit}) ${chance(1)}`, `P(|effect| < ${limit}) ${chance(3)}`);
      else if (threshold === "mcid" && words.no_mcid) parts.push(words.no_mcid);
    } else {
      parts.push(`no direction is claimed as benefit; P(${words.benefit}) ${chance(0)}`);
      if (limit) parts.push(`P(higher by more than ${limit}) ${chance(1)}`, `P(lower by more than ${limit}) ${chance(2)}`);
    }
    const which = prior
      ? `prior Normal(${general(prior[0])}, ${general(prior[1])}^2) of ${words.prior_of}, by reweighting draws under ${words.fitted}`
      : `prior ${words.fitted}`;
    let text = `${parts.join("; ")} (model ${words.model}, ${which}${words.how}; ${words.citation}).`;
    if (found.low < 0 && found.high > 0) {
      text += ` The data are compatible with no effect, and with any from ${low} to ${high}${unit}: ` +
        "that they do not show one is no evidence that there is none.";
    }
    if (quantity.gate !== "pass") text += settings.fails;
    return `${text} ${words.curve}`;
  }

  // Density of weighted draws at evenly spaced points, by a Gaussian kernel on a grid.
  function density(weight, x, sd, ess, low, high, points) {
    const step = (high - low) / (points - 1), counts = new Float64Array(points);
    for (let i = 0; i < x.length; i++) {
      const place = (x[i] - low) / step, left = Math.floor(place);
      if (left < 0 || left >= points - 1) continue;
      counts[left] += weight[i] * (left + 1 - place);
      counts[left + 1] += weight[i] * (place - left);
    }
    const width = Math.max(1.06 * sd * Math.max(ess, 10) ** -0.2, 2 * step), reach = Math.ceil(4 * width / step);
    const kernel = Array.from({ length: reach + 1 }, (_, i) => Math.exp(-0.5 * (i * step / width) ** 2) / (width * Math.sqrt(2 * Math.PI)));
    return counts.map((_, i) => {
      let total = 0;
      for (let j = Math.max(i - reach, 0); j <= Math.min(i + reach, points - 1); j++) total += counts[j] * kernel[Math.abs(i - j)];
      return total;
    });
  }

  // The standard normal's distribution function (Hastings' approximation: Abramowitz and Stegun 26.2.17, error below 1e-7).
  function normalChance(z) {
    const t = 1 / (1 + 0.2316419 * Math.abs(z));
    const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) *
      t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return z > 0 ? 1 - tail : tail;
  }

  return { decoded, answer, statement, printed, probability, limitText, general, density, normalChance };
})();
