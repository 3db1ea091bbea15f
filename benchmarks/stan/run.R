# Samples every data file of a folder with the Stan program that its name begins with.
#
#   Rscript run.R FOLDER CHAINS WARMUP DRAWS SEED CORES
#
# FOLDER/longitudinal--NAME.data.R and FOLDER/adverse--NAME.data.R are read;
# NAME.draws.csv.gz (a row a draw, chain by chain) and NAME.sampler.json are written beside them.
suppressPackageStartupMessages(library(rstan))
# Debian's package BH is empty: it stands for the system's Boost
if (!file.exists(rstan_options("boost_lib"))) rstan_options(boost_lib = "/usr/include")
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
settings <- as.list(as.integer(arguments[2:6]))
names(settings) <- c("chains", "warmup", "draws", "seed", "cores")
this_file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
here <- dirname(normalizePath(this_file))
acceptance <- 0.95
# of every program what is kept: all but rounding errors and unseen sample correlations
hidden <- c("unseen", "mean_error", "sd_error", "patient_correlation", "cell", "mu", "log_odds", "fewer", "lp__")

# The compiled program, kept beside its source until that changes. rstan's own `auto_write` compiles
# anew in each session here: minutes.
program <- function(name) {
  source <- file.path(here, paste0(name, ".stan"))
  kept <- file.path(here, paste0(name, ".rds"))
  if (!file.exists(kept) || file.mtime(kept) < file.mtime(source))
    saveRDS(stan_model(source, auto_write = FALSE), kept)
  readRDS(kept)
}

compiled <- list()
for (path in rev(sort(Sys.glob(file.path(folder, "*.data.R"))))) {
  parts <- strsplit(sub("\\.data\\.R$", "", basename(path)), "--", fixed = TRUE)[[1]]
  target <- file.path(folder, sub("\\.data\\.R$", "", basename(path)))
  done <- paste0(target, ".sampler.json")
  source <- file.path(here, paste0(parts[1], ".stan"))
  if (file.exists(done) && file.mtime(done) > max(file.mtime(c(path, source)))) next
  if (is.null(compiled[[parts[1]]]))
    compiled[[parts[1]]] <- program(parts[1])
  seconds <- system.time(
    fit <- sampling(compiled[[parts[1]]], data = read_rdump(path), chains = settings$chains,
                    warmup = settings$warmup, iter = settings$warmup + settings$draws,
                    seed = settings$seed, cores = settings$cores, refresh = 0,
                    control = list(adapt_delta = acceptance)))[["elapsed"]]
  kept <- setdiff(fit@model_pars, hidden)
  draws <- as.array(fit, pars = kept)  # draw, chain, quantity
  table <- matrix(draws, nrow = dim(draws)[1] * dim(draws)[2], dimnames = list(NULL, dimnames(draws)[[3]]))
  out <- gzfile(paste0(target, ".draws.csv.gz"), "w")
  write.table(signif(table, 12), out, sep = ",", row.names = FALSE, qmethod = "double")
  close(out)
  sampler <- get_sampler_params(fit, inc_warmup = FALSE)
  energies <- sapply(sampler, function(x) x[, "energy__"])
  writeLines(jsonlite::toJSON(c(settings, list(
    acceptance = acceptance, seconds = seconds,
    divergences = sum(sapply(sampler, function(x) sum(x[, "divergent__"]))),
    at_maximum_depth = sum(sapply(sampler, function(x) sum(x[, "treedepth__"] >= 10))),
    leapfrog_steps = mean(sapply(sampler, function(x) mean(x[, "n_leapfrog__"]))),
    e_bfmi = min(apply(energies, 2, function(x) mean(diff(x)^2) / var(x))),
    stan = stan_version(), rstan = as.character(packageVersion("rstan")), r = as.character(getRversion())
  )), auto_unbox = TRUE, digits = 6), done)
  message(basename(target), ": ", round(seconds), " s")
}
