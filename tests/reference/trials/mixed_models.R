# Mixed models for repeated measures by nlme::gls, REML, of the bundles beside this file: Rscript mixed_models.R
library(nlme)
sets <- list(
  btheb    = list(y = "bdi", base = "baseline", control = "TAU", benefit = -1,
                  visits = c("month2", "month3", "month5", "month8")),
  epilepsy = list(y = "log_seizures", base = "baseline", control = "placebo", benefit = -1,
                  visits = c("week2", "week4", "week6", "week8")),
  fev1     = list(y = "fev1", base = "BL", control = "PBO", benefit = 1,
                  visits = c("VIS1", "VIS2", "VIS3", "VIS4")))
main <- y ~ visit * arm + visit * base
models <- list(
  list("btheb", "main", main), list("epilepsy", "main", main), list("fev1", "main", main),
  list("fev1", "main_race_sex", y ~ visit * arm + visit * base + race + sex),
  list("fev1", "published_B", y ~ visit * arm + base + race + sex),   # baseline slope common to visits
  list("fev1", "published_A", y ~ visit * arm + race + sex))          # baseline unused
control <- glsControl(maxIter = 500, msMaxIter = 1000, tolerance = 1e-10, msTol = 1e-12, msVerbose = FALSE)

long <- function(name) {
  s <- sets[[name]]
  d <- read.csv(file.path(name, "patients.csv"), stringsAsFactors = FALSE)
  b <- d[d$visit == s$base, ]
  stopifnot(!anyNA(b[[s$y]]), !anyDuplicated(b$patient))
  d <- d[d$visit != s$base, ]
  d$y <- d[[s$y]]
  d$base <- b[[s$y]][match(d$patient, b$patient)]
  d$t <- match(d$visit, s$visits)
  stopifnot(!anyNA(d$t))
  d$visit <- factor(d$visit, s$visits)
  d$arm <- factor(d$arm, c(s$control, setdiff(unique(d$arm), s$control)))
  d$patient <- factor(d$patient)
  d[order(d$patient, d$t), ]
}

reference <- counts <- extra <- NULL
for (m in models) {
  name <- m[[1]]; s <- sets[[name]]
  all <- long(name)
  d <- all[!is.na(all$y), ]
  fit <- do.call(gls, list(m[[3]], data = d, method = "REML", control = control,
    correlation = corSymm(form = ~ t | patient), weights = varIdent(form = ~ 1 | visit)))
  b <- coef(fit); V <- vcov(fit); treated <- levels(d$arm)[2]
  for (v in s$visits) {
    w <- setNames(numeric(length(b)), names(b))
    w[paste0("arm", treated)] <- 1
    if (v != s$visits[1]) w[sprintf("visit%s:arm%s", v, treated)] <- 1
    est <- sum(w * b); se <- sqrt(drop(w %*% V %*% w))
    z <- s$benefit * est / se
    reference <- rbind(reference, data.frame(
      data_set = name, outcome = s$y, arm = treated, visit = v, estimate = est, se = se,
      p_one_sided_in_direction_of_benefit = pnorm(-z), p_benefit_normal = pnorm(z), model = m[[2]],
      n_control = sum(d$visit == v & d$arm == s$control), n_treated = sum(d$visit == v & d$arm == treated)))
  }
  sd <- fit$sigma * coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)[s$visits]
  R <- diag(length(s$visits))
  R[lower.tri(R)] <- coef(fit$modelStruct$corStruct, unconstrained = FALSE)
  R <- R + t(R) - diag(length(s$visits))
  S <- diag(sd) %*% R %*% diag(sd)
  note <- function(quantity, a, v, value, se = NA)
    extra <<- rbind(extra, data.frame(data_set = name, model = m[[2]], quantity, a, b = v, value, se))
  note("minus_two_restricted_log_likelihood", "", "", -2 * as.numeric(logLik(fit)))
  for (i in seq_along(s$visits)) for (j in seq_len(i)) note("covariance", s$visits[j], s$visits[i], S[i, j])
  if (m[[2]] %in% c("main", "main_race_sex")) for (v in s$visits) {
    w <- setNames(numeric(length(b)), names(b)); w["base"] <- 1
    if (v != s$visits[1]) w[sprintf("visit%s:base", v)] <- 1
    note("baseline_slope", "", v, sum(w * b), sqrt(drop(w %*% V %*% w)))
  } else for (k in intersect(c("base"), names(b))) note("baseline_slope", "", "common", b[[k]], sqrt(V[k, k]))
  for (k in grep("^(race|sex)", names(b), value = TRUE)) note("covariate", k, "", b[[k]], sqrt(V[k, k]))
  if (m[[2]] == "main") {
    for (a in levels(all$arm)) {
      one <- all[all$arm == a & all$t == 1, ]
      counts <- rbind(counts, data.frame(data_set = name, arm = a, visit = s$base, n = nrow(one),
                      mean = mean(one$base), sd = sd(one$base)))
      for (v in s$visits) { x <- d$y[d$arm == a & d$visit == v]
        counts <- rbind(counts, data.frame(data_set = name, arm = a, visit = v, n = length(x), mean = mean(x), sd = sd(x))) }
    }
  }
}
show <- function(x) { x[] <- lapply(x, function(c) if (is.numeric(c)) signif(c, 8) else c); x }
write.csv(show(reference), "mmrm_reference.csv", row.names = FALSE, quote = FALSE, na = "")
write.csv(show(counts), "counts.csv", row.names = FALSE, quote = FALSE, na = "")
write.csv(show(extra), "mmrm_details.csv", row.names = FALSE, quote = FALSE, na = "")
writeLines(c(R.version.string, sapply(c("nlme", "HSAUR3"), function(p) paste(p, packageVersion(p)))), "versions.txt")
options(width = 200); print(reference, digits = 5); print(counts, digits = 4)
