# Writes studies.csv and answers.csv: the same meta-analyses by metafor, to full precision.
# Rscript meta_analysis.R, in this folder
suppressPackageStartupMessages(library(metafor))
studies <- answers <- NULL
digits <- function(x) trimws(formatC(unname(x), digits = 17, format = "g"))
say <- function(data, method, ...) {
  values <- unlist(list(...))
  answers <<- rbind(answers, data.frame(
    data = data, method = method, quantity = sub(".intrcpt", "", names(values), fixed = TRUE),
    value = digits(values)))
}

continuous <- function(name, y, se) {
  studies <<- rbind(studies, data.frame(
    data = name, study = seq_along(y), y = y, se = se, events1 = NA, n1 = NA, events2 = NA, n2 = NA))
  # of the iterations for tau^2, in its unit
  tight <- list(threshold = 1e-12 * max(y^2, se^2), tol = 1e-12 * max(y^2, se^2), maxiter = 10000)
  for (method in c("FE", "DL", "PM", "REML")) {
    fit <- rma(y, sei = se, method = method, control = tight)
    say(name, method, estimate = unname(fit$beta[1]), se = fit$se, ci_low = fit$ci.lb, ci_high = fit$ci.ub,
        p = fit$pval, tau2 = fit$tau2, q = fit$QE, q_p = fit$QEp)
    if (method == "DL" || method == "FE") say(name, method, i2 = fit$I2 / 100)
    if (method == "FE") next
    hksj <- rma(y, sei = se, method = method, test = "knha", control = tight)
    say(name, paste0(method, "+hksj"), estimate = hksj$beta[[1]], se = hksj$se, ci_low = hksj$ci.lb,
        ci_high = hksj$ci.ub, p = hksj$pval)
    adhoc <- rma(y, sei = se, method = method, test = "adhoc", control = tight)
    say(name, paste0(method, "+hksj-ad-hoc"), se = adhoc$se, ci_low = adhoc$ci.lb,
        ci_high = adhoc$ci.ub, p = adhoc$pval)
    near <- predict(fit, pi.type = "riley")
    say(name, method, prediction_low = near$pi.lb, prediction_high = near$pi.ub)
  }
}

binomial <- function(name, events1, n1, events2, n2) {
  es <- escalc(measure = "OR", ai = events1, n1i = n1, ci = events2, n2i = n2,
               add = 1/2, to = "only0", drop00 = TRUE)
  kept <- !is.na(es$yi)
  continuous(name, as.numeric(es$yi)[kept], sqrt(as.numeric(es$vi))[kept])
  rows <- which(studies$data == name)
  studies[rows, c("events1", "n1", "events2", "n2")] <<-
    cbind(events1, n1, events2, n2)[kept, ]
  mh <- rma.mh(measure = "OR", ai = events1, n1i = n1, ci = events2, n2i = n2)
  say(name, "MH", estimate = mh$beta[[1]], se = mh$se, ci_low = mh$ci.lb, ci_high = mh$ci.ub,
      p = mh$pval)
  for (model in c("UM.FS", "CM.AL")) {
    fit <- tryCatch(suppressWarnings(rma.glmm(
      measure = "OR", ai = events1, n1i = n1, ci = events2, n2i = n2, model = model)),
      error = function(problem) { message(name, " ", model, ": ", conditionMessage(problem)); NULL })
    if (!is.null(fit))
      say(name, model, estimate = unname(fit$beta[1]), se = fit$se, ci_low = fit$ci.lb,
          ci_high = fit$ci.ub, tau2 = fit$tau2)
  }
}

continuous("eight-schools", c(28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
           c(14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6))
with(dat.normand1999, {
  es <- escalc(measure = "MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i)
  continuous("normand1999", as.numeric(es$yi), sqrt(as.numeric(es$vi)))
  es <- escalc(measure = "SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i)
  continuous("normand1999-smd", as.numeric(es$yi), sqrt(as.numeric(es$vi)))
})
with(dat.bcg, binomial("bcg", tpos, tpos + tneg, cpos, cpos + cneg))
with(dat.nielweise2007, binomial("nielweise2007", ai, n1i, ci, n2i))
# Roever 2020, table 3: acute rejections in six studies of IL-2 receptor antagonists
binomial("crins2014", c(14, 16, 3, 9, 4, 0), c(61, 28, 18, 54, 36, 50),
         c(15, 19, 8, 29, 11, 3), c(20, 28, 12, 54, 36, 34))

for (column in c("y", "se")) studies[[column]] <- digits(studies[[column]])
write.csv(studies, "studies.csv", row.names = FALSE, quote = FALSE, na = "")
write.csv(answers, "answers.csv", row.names = FALSE, quote = FALSE)
cat(R.version.string, ", metafor ", as.character(packageVersion("metafor")), ", lme4 ",
    as.character(packageVersion("lme4")), "\n", sep = "")
