// One outcome of a printed mean ± SD table: the model `longitudinal`, a second time.
//
// Written from docs/models.md and docs/likelihood.md, and on purpose in another form than the
// package: the sample covariance has a Wishart density in the matrix itself (no Bartlett factor, no
// partial correlations, no conditional rows), its unseen correlations are a `corr_matrix`, rounding
// errors are uniform, effects of all arms and visits have one written-out covariance matrix,
// nothing is moved to other coordinates, and the population's correlation matrix comes from the
// recursion of partial correlations (Lewandowski, Kurowicka and Joe 2009), without a factor.
functions {
  // Correlation matrix of canonical partial correlations: p[i, j] is that of i and j given 1..j-1.
  matrix correlation_of(matrix p) {
    int count = rows(p);
    matrix[count, count] r = diag_matrix(rep_vector(1, count));
    for (i in 2:count) {
      for (j in 1:(i - 1)) {
        real own = p[i, j];
        for (step in 1:(j - 1)) {
          int k = j - step;  // take the given variables away again, the last one first
          own = own * sqrt((1 - square(p[i, k])) * (1 - square(p[j, k]))) + p[i, k] * p[j, k];
        }
        r[i, j] = own;
        r[j, i] = own;
      }
    }
    return r;
  }
}
data {
  int<lower=2> arms;  // the control first
  int<lower=1> visits;
  int<lower=1> printed;  // rows of means and SDs that each arm prints
  int<lower=0, upper=1> baseline;  // is the first visit the baseline?
  int<lower=0, upper=1> common;  // have the arms one population mean there?
  int<lower=0, upper=1> flat;  // prior set `reference`
  // each row as a linear function of a patient's visits: a level, or a change from baseline
  matrix[printed, visits] functional;
  vector[printed] mean_printed[arms];  // in the outcome's unit, as everything printed is
  vector<lower=0>[printed] sd_printed[arms];
  vector<lower=0>[printed] mean_step[arms];  // one unit of the last place
  vector<lower=0>[printed] sd_step[arms];
  vector<lower=printed>[arms] n;  // patients of the rows
  vector<lower=printed>[arms] n_arm;  // patients of the arm
  int<lower=0, upper=1> pinned;  // are the sample correlations with the first row published?
  matrix<lower=-1, upper=1>[arms, printed] pinned_correlation;  // then these (the first is 1)
  vector[visits] weeks;
  real effect_location;  // prior of a treatment effect, in baseline SDs
  real<lower=0> effect_scale;
  int<lower=-1, upper=1> direction;
  real mcid_absolute;  // one of both is 0
  real mcid_relative;
}
transformed data {
  int treated = arms - 1;
  int followed = visits - baseline;  // visits at which there is an effect
  int free_imbalance = baseline && !common;
  int pooled = followed > 1;
  int repeated = visits > 1;
  int later = repeated && baseline ? visits - 1 : 0;  // visits with a change from baseline
  int pairs = choose(visits, 2);
  int latent = pinned ? printed - 1 : printed;  // size of the unseen part of a sample correlation
  vector[arms] share = n_arm / sum(n_arm);
  vector[arms] df_share = (n_arm - 1) / sum(n_arm - 1);
  vector[printed] is_level = functional * rep_vector(1, visits);
  // the unit: mean over the arms and pooled SD at the first visit printed; a change has centre 0
  real scale = 0;
  real centre = 0;
  for (g in 1:arms) {
    scale += (n[g] - 1) / sum(n - 1) * square(sd_printed[g][1]);
    centre += is_level[1] * mean_printed[g][1] / arms;
  }
  scale = sqrt(scale);
}
parameters {
  real baseline_level;
  vector[visits - 1] visit_step;
  vector[free_imbalance ? treated : 0] imbalance;
  matrix[treated, followed] effect;
  vector<lower=0, upper=1>[pooled] pooling;
  real log_sd_level;
  real<lower=0> log_sd_visit_scale;
  real<lower=0> log_sd_cell_scale;
  vector[visits] log_sd_visit;
  matrix[arms, visits] cell;  // an SD's own part of its logarithm; under flat priors the logarithm
  vector[repeated] logit_rho;
  vector[pairs] z_deviation;
  corr_matrix[max(2, latent)] unseen[latent > 1 ? arms : 0];  // of one row there is none
  vector<lower=-0.5, upper=0.5>[printed] mean_error[arms];
  vector<lower=-0.5, upper=0.5>[printed] sd_error[arms];
}
transformed parameters {
  matrix[visits, visits] patient_correlation;
  matrix[arms, visits] mu;
  matrix[arms, visits] log_sd = cell;
  if (!flat)
    for (g in 1:arms) log_sd[g] = log_sd_visit' + log_sd_cell_scale * cell[g];
  {
    matrix[visits, visits] partial = rep_matrix(0, visits, visits);
    matrix[arms, visits] contrast = rep_matrix(0, arms, visits);
    row_vector[visits] path;
    int pair = 0;
    for (i in 2:visits) {
      for (j in 1:(i - 1)) {
        real rho = inv_logit(logit_rho[1]);
        pair += 1;
        partial[i, j] = tanh(atanh(rho / (1 + (j - 1) * rho)) + 0.2 * z_deviation[pair]);
      }
    }
    patient_correlation = correlation_of(partial);
    for (t in 1:followed) contrast[2:arms, t + baseline] = effect[, t];
    if (free_imbalance) {
      vector[arms] base_sd = exp(log_sd[, 1]);
      contrast[2:arms, 1] = imbalance;
      for (t in 2:visits) {
        real slope = patient_correlation[1, t]
                     * dot_product(df_share, base_sd .* exp(log_sd[, t]))
                     / dot_product(df_share, square(base_sd));
        contrast[2:arms, t] += slope * imbalance;
      }
    }
    path[1] = baseline_level;
    for (t in 2:visits) path[t] = path[t - 1] + visit_step[t - 1];
    for (g in 1:arms) mu[g] = path + contrast[g] - share' * contrast;
  }
}
model {
  // what all arms have in common
  if (!flat) {
    baseline_level ~ normal(0, 20);
    visit_step ~ normal(0, 20);
  }
  // what they differ in: contrasts with one control share half of their variance
  pooling ~ beta(2, 2);
  if (!flat) {
    int count = treated * followed;
    matrix[count, count] covariance;
    if (free_imbalance)
      imbalance ~ multi_normal(rep_vector(0, treated),
                               rep_matrix(0.5, treated, treated)
                               + diag_matrix(rep_vector(0.5, treated)));
    for (t in 1:followed)
      for (u in 1:followed)
        for (g in 1:treated)
          for (h in 1:treated)
            covariance[g + (t - 1) * treated, h + (u - 1) * treated]
              = square(effect_scale) * (t == u ? 1 : pooling[1]) * (g == h ? 1 : 0.5);
    to_vector(effect) ~ multi_normal(rep_vector(effect_location, count), covariance);
  }
  // SDs
  log_sd_level ~ normal(0, 0.5);
  log_sd_visit_scale ~ lognormal(log(0.25), 0.4);
  log_sd_cell_scale ~ lognormal(log(0.15), 0.4);
  log_sd_visit ~ normal(log_sd_level, log_sd_visit_scale);
  if (!flat) to_vector(cell) ~ normal(0, 1);
  // correlation over visits
  logit_rho ~ normal(0.45, 0.8);
  z_deviation ~ normal(0, 1);
  // the table: rounding errors are uniform by their bounds
  for (g in 1:arms) {
    matrix[visits, visits] patients
      = quad_form_diag(patient_correlation, exp(to_vector(log_sd[g])));
    matrix[printed, printed] population = functional * patients * functional';
    vector[printed] sample_mean
      = (mean_printed[g] + mean_step[g] .* mean_error[g] - centre * is_level) / scale;
    vector[printed] sample_sd = (sd_printed[g] + sd_step[g] .* sd_error[g]) / scale;
    matrix[printed, printed] sample_correlation;
    if (pinned) {
      // all of it, from the published column and the partial correlations given the first row
      vector[printed] column = to_vector(pinned_correlation[g]);
      matrix[latent, latent] given_first = diag_matrix(rep_vector(1, latent));
      if (latent > 1) given_first = unseen[g];
      sample_correlation = column * column';
      sample_correlation[2:printed, 2:printed]
        += quad_form_diag(given_first, sqrt(1 - square(column[2:printed])));
    } else {
      sample_correlation = diag_matrix(rep_vector(1, printed));
      if (latent > 1) sample_correlation = unseen[g];
    }
    population = 0.5 * (population + population');
    sample_mean ~ multi_normal(functional * mu[g]', population / n[g]);
    // the density of the sample covariance, and the Jacobian of (SDs, correlations) to it
    target += wishart_lpdf((n[g] - 1) * quad_form_diag(sample_correlation, sample_sd)
                           | n[g] - 1, population);
    target += printed * sum(log(sample_sd));
  }
}
generated quantities {
  matrix[arms, visits] mean_ = centre + scale * mu;
  matrix[arms, visits] sd_ = scale * exp(log_sd);
  vector[pairs] correlation;
  matrix[treated, visits] difference;
  matrix[treated, visits] standardised_difference;
  matrix[treated, later] adjusted_difference;
  matrix[treated, later] difference_in_change;
  vector[later ? treated : 0] area_under_follow_up;
  matrix[arms, later] change;
  matrix[arms, later] share_improved;
  {
    int pair = 0;
    for (i in 2:visits)
      for (j in 1:(i - 1)) {
        pair += 1;
        correlation[pair] = patient_correlation[i, j];
      }
  }
  for (g in 2:arms) {
    for (t in 1:visits) {
      real pooled_variance = ((n_arm[1] - 1) * square(sd_[1, t]) + (n_arm[g] - 1) * square(sd_[g, t]))
                             / (n_arm[1] + n_arm[g] - 2);
      difference[g - 1, t] = mean_[g, t] - mean_[1, t];
      standardised_difference[g - 1, t] = difference[g - 1, t] / sqrt(pooled_variance);
    }
    if (later) {
      vector[visits] trapezoid = rep_vector(0, visits);
      for (t in 1:later) {
        // the effect is the adjusted difference by its definition
        adjusted_difference[g - 1, t] = scale * effect[g - 1, t];
        difference_in_change[g - 1, t] = difference[g - 1, t + 1] - difference[g - 1, 1];
        trapezoid[t] += (weeks[t + 1] - weeks[t]) / 2;
        trapezoid[t + 1] += (weeks[t + 1] - weeks[t]) / 2;
      }
      area_under_follow_up[g - 1] = dot_product(trapezoid[2:visits], adjusted_difference[g - 1])
                                    / (weeks[visits] - weeks[1]);
    }
  }
  for (g in 1:arms)
    for (t in 1:later) {
      // a patient improves if  direction * y_t - weight * y_0 >= mcid_absolute
      real weight = direction + mcid_relative;
      real covariance = patient_correlation[1, t + 1] * sd_[g, 1] * sd_[g, t + 1];
      change[g, t] = mean_[g, t + 1] - mean_[g, 1];
      share_improved[g, t]
        = Phi((direction * mean_[g, t + 1] - weight * mean_[g, 1] - mcid_absolute)
              / sqrt(square(sd_[g, t + 1]) + square(weight * sd_[g, 1])
                     - 2 * direction * weight * covariance));
    }
}
