# Reference answers of the normal-normal hierarchical model by bayesmeta (Roever 2020, J Stat Softw
# 93(6)), which integrates over the heterogeneity by numerical quadrature.
# Rscript answers.R, in this folder, with the R packages bayesmeta and metafor installed.
suppressMessages({library(bayesmeta); library(metafor)})
data(Rubin1981, CrinsEtAl2014, package = "bayesmeta")
crins <- escalc(measure = "OR", ai = exp.AR.events, n1i = exp.total, ci = cont.AR.events,
                n2i = cont.total, data = CrinsEtAl2014)
studies <- list(
  schools = list(y = Rubin1981$effect, se = Rubin1981$stderr, label = Rubin1981$school),
  transplants = list(y = as.numeric(crins$yi), se = sqrt(as.numeric(crins$vi)), label = CrinsEtAl2014$publication),
  two = list(y = c(-0.9, -0.2), se = c(0.3, 0.25), label = c("first", "second"))
)
tau_priors <- list(
  "half-normal(0.5)" = function(t) dhalfnormal(t, 0.5),
  "half-normal(25)" = function(t) dhalfnormal(t, 25),
  "half-cauchy(0.5)" = function(t) dhalfcauchy(t, 0.5)
)
cases <- list(
  list("schools", "half-normal(25)", c(0, 50)), list("schools", "half-normal(25)", c(NA, NA)),
  list("transplants", "half-normal(0.5)", c(0, 4)), list("transplants", "half-cauchy(0.5)", c(NA, NA)),
  list("two", "half-normal(0.5)", c(0, 2)), list("two", "half-normal(0.5)", c(NA, NA))
)
rows <- list()
for (case in cases) {
  s <- studies[[case[[1]]]]
  fit <- bayesmeta(y = s$y, sigma = s$se, labels = s$label, tau.prior = tau_priors[[case[[2]]]],
                   mu.prior = case[[3]], interval.type = "central", delta = 1e-5, epsilon = 1e-8)
  add <- function(quantity, label, v) rows[[length(rows) + 1]] <<- data.frame(
    study = case[[1]], tau_prior = case[[2]], mu_mean = case[[3]][1], mu_sd = case[[3]][2],
    quantity = quantity, label = label, median = v[["median"]], mean = v[["mean"]], sd = v[["sd"]],
    lower = v[["95% lower"]], upper = v[["95% upper"]])
  for (q in c("tau", "mu", "theta")) add(q, "", fit$summary[, q])
  for (l in colnames(fit$theta)) add("study", l, fit$theta[, l])
  rows[[length(rows) + 1]] <- data.frame(
    study = case[[1]], tau_prior = case[[2]], mu_mean = case[[3]][1], mu_sd = case[[3]][2],
    quantity = "P(mu < 0)", label = "", median = NA, mean = fit$pposterior(mu = 0), sd = NA, lower = NA, upper = NA)
}
answers <- do.call(rbind, rows)
for (column in c("median", "mean", "sd", "lower", "upper")) answers[[column]] <- signif(answers[[column]], 8)
write.csv(answers, "answers.csv", row.names = FALSE, na = "")
data <- do.call(rbind, lapply(names(studies), function(name) data.frame(
  study = name, label = studies[[name]]$label, y = signif(studies[[name]]$y, 12), se = signif(studies[[name]]$se, 12))))
write.csv(data, "studies.csv", row.names = FALSE)
writeLines(c(R.version.string, paste("bayesmeta", packageVersion("bayesmeta")), paste("metafor", packageVersion("metafor"))),
           "versions.txt")
