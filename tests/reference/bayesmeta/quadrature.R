# Writes quadrature.csv: posteriors of random-effects meta-analyses by nested stats::integrate in tau itself.
# Rscript quadrature.R, in this folder
options(digits = 15)
sets <- list(
  schools = list(y = c(28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
                 s = c(14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6), m0 = 0, s0 = 50, c = 5,
                 prior = "half-cauchy(25)", p = function(t) 2 * dcauchy(t, 0, 25), unit = 10),
  three = list(y = c(0.9, 0.2, 0.45), s = c(0.2, 0.15, 0.3), m0 = 0, s0 = Inf, c = 0.25,
               prior = "half-normal(0.5)", p = function(t) 2 * dnorm(t, 0, 0.5), unit = 0.3),
  two = list(y = c(-0.4, -1.1), s = c(0.25, 0.35), m0 = 0, s0 = 1, c = -0.5,
             prior = "log-normal(-1.28, 0.87)", p = function(t) dlnorm(t, -1.28, 0.87), unit = 0.3),
  five = list(y = c(3.1, 2.2, 4.9, 2.8, 1.0), s = c(0.8, 0.5, 1.1, 0.6, 0.9), m0 = 0, s0 = Inf, c = 2,
              prior = "log-t(5, -1.72, 1.295)", unit = 0.5,
              p = function(t) ifelse(t > 0, dt((log(t) + 1.72) / 1.295, 5) / 1.295 / t, 0)))
rows <- NULL
for (name in names(sets)) {
  d <- sets[[name]]
  prec0 <- if (is.finite(d$s0)) 1 / d$s0^2 else 0
  given <- function(t) {                       # one tau
    w <- 1 / (d$s^2 + t^2); v <- 1 / (sum(w) + prec0); m <- v * (sum(w * d$y) + prec0 * d$m0)
    like <- exp(0.5 * (sum(log(w)) + log(v) - sum(w * (d$y - m)^2) - prec0 * (d$m0 - m)^2))
    c(like = like, m = m, v = v)
  }
  total <- function(f) {                       # over tau in pieces, so that none is overlooked
    ends <- d$unit * c(0, 1e-4, 1e-2, 0.1, 0.3, 1, 2, 4, 8, 20, 100, 1e4)
    inner <- function(t) sapply(t, function(one) { g <- given(one); f(one, g) * g[["like"]] * d$p(one) })
    sum(sapply(seq_len(length(ends) - 1), function(i)
      integrate(inner, ends[i], ends[i + 1], rel.tol = 1e-11, abs.tol = 1e-14, subdivisions = 2000L,
                stop.on.error = FALSE)$value))
  }
  z <- total(function(t, g) 1)
  e <- function(f) total(f) / z
  quantile_of <- function(cdf, low, high) sapply(c(0.025, 0.5, 0.975), function(p)
    uniroot(function(x) cdf(x) - p, c(low, high), tol = 1e-10)$root)
  say <- function(quantity, mean, second, q) rows <<- rbind(rows, data.frame(
    set = name, quantity = quantity, mean = mean, sd = sqrt(second - mean^2), ci_low = q[1],
    median = q[2], ci_high = q[3]))
  reach <- c(min(d$y) - 20 * d$unit, max(d$y) + 20 * d$unit)
  mu <- e(function(t, g) g[["m"]])
  say("mean", mu, e(function(t, g) g[["m"]]^2 + g[["v"]]),
      quantile_of(function(x) e(function(t, g) pnorm(x, g[["m"]], sqrt(g[["v"]]))), reach[1], reach[2]))
  say("predictive", mu, e(function(t, g) g[["m"]]^2 + g[["v"]] + t^2),
      quantile_of(function(x) e(function(t, g) pnorm(x, g[["m"]], sqrt(g[["v"]] + t^2))), reach[1], reach[2]))
  part <- function(x) {
    inner <- function(t) sapply(t, function(one) given(one)[["like"]] * d$p(one))
    ends <- c(0, x * c(1e-3, 0.03, 0.2, 0.5, 1))
    sum(sapply(1:5, function(i) integrate(inner, ends[i], ends[i + 1], rel.tol = 1e-11,
                                          subdivisions = 2000L, stop.on.error = FALSE)$value)) / z }
  say("heterogeneity", e(function(t, g) t), e(function(t, g) t^2), quantile_of(part, 1e-8 * d$unit, 60 * d$unit))
  for (i in c(1, 2)) {
    shrunk <- function(t, g) { b <- d$s[i]^2 / (d$s[i]^2 + t^2)
      c((1 - b) * d$y[i] + b * g[["m"]], (1 - b) * d$s[i]^2 + b^2 * g[["v"]]) }
    say(paste0("study", i), e(function(t, g) shrunk(t, g)[1]), e(function(t, g) sum(shrunk(t, g) * c(shrunk(t, g)[1], 1))),
        quantile_of(function(x) e(function(t, g) { h <- shrunk(t, g); pnorm(x, h[1], sqrt(h[2])) }), reach[1], reach[2]))
  }
  rows <- rbind(rows, data.frame(set = name, quantity = "above", sd = NA, ci_low = NA, median = NA, ci_high = NA,
    mean = e(function(t, g) pnorm(d$c, g[["m"]], sqrt(g[["v"]]), lower.tail = FALSE)))[names(rows)])
}
for (column in names(rows)[-(1:2)]) rows[[column]] <- trimws(formatC(rows[[column]], digits = 12, format = "g"))
write.csv(rows, "quadrature.csv", row.names = FALSE, quote = FALSE, na = "")
cat(R.version.string, "\n")
