// Counts of events by reaction, visit and arm: the model `hierarchical`, a second time.
//
// Written from docs/models.md, in another form than the package: the effects of all reactions and
// arms have one written-out covariance matrix instead of a common and an own part each.
data {
  int<lower=2> arms;  // the control first
  int<lower=1> reactions;
  int<lower=1> cells;
  int<lower=1, upper=reactions> reaction[cells];
  int<lower=1, upper=arms> arm[cells];
  int<lower=1> visit[cells];
  int<lower=0, upper=1> cumulative;  // are events those since the start, and new ones counted here?
  int<lower=0> events[cells];
  int<lower=0> at_risk[cells];
  vector<lower=0>[arms] n_arm;
  real fewer_location;  // prior of minus the log odds ratio
  real<lower=0> fewer_scale;
}
transformed data {
  int treated = arms - 1;
  vector[arms] share = n_arm / sum(n_arm);
}
parameters {
  vector[reactions] level;  // mean log odds over all patients
  matrix[reactions, treated] fewer;  // minus the log odds ratios
  real<lower=0, upper=1> pooling;
  real<lower=0, upper=1> overdispersion;
}
transformed parameters {
  matrix[reactions, arms] log_odds;
  for (r in 1:reactions) {
    row_vector[arms] contrast = append_col(0, -fewer[r]);
    log_odds[r] = level[r] + contrast - dot_product(share, contrast);
  }
}
model {
  int count = reactions * treated;
  matrix[count, count] covariance;
  // the intraclass correlation of a visit's patients, kept off 0 and 1
  real correlation = 0.001 + 0.998 * overdispersion;
  real phi = 1 / correlation - 1;
  for (g in 1:treated)
    for (h in 1:treated)
      for (r in 1:reactions)
        for (q in 1:reactions)
          covariance[r + (g - 1) * reactions, q + (h - 1) * reactions]
            = square(fewer_scale) * (g == h ? 1 : 0.5) * (r == q ? 1 : pooling);
  level ~ normal(-2, 1.5);
  pooling ~ beta(2, 2);
  overdispersion ~ beta(1, 4);
  to_vector(fewer) ~ multi_normal(rep_vector(fewer_location, count), covariance);
  for (c in 1:cells) {
    real rate = inv_logit(log_odds[reaction[c], arm[c]]);
    // not `events[c] ~ beta_binomial(...)`: Stan 2.21 leaves the density out there, and keeps its
    // gradient
    target += beta_binomial_lpmf(events[c] | at_risk[c], rate * phi, (1 - rate) * phi);
  }
}
generated quantities {
  matrix[reactions, treated] log_odds_ratio = -fewer;
  matrix[reactions, arms] arm_rate = inv_logit(log_odds);
  vector[cells] rate;  // of the cell itself: at the visit, or by it
  vector[cells] risk_difference = rep_vector(0, cells);  // against the control's cell
  {
    vector[cells] free = rep_vector(1, cells);
    real phi = 1 / (0.001 + 0.998 * overdispersion) - 1;
    for (c in 1:cells) {
      real own = arm_rate[reaction[c], arm[c]];
      real at_visit = beta_rng(own * phi + events[c], (1 - own) * phi + at_risk[c] - events[c]);
      for (d in 1:cells)
        if (d == c || (cumulative && reaction[d] == reaction[c] && arm[d] == arm[c]
                       && visit[d] > visit[c]))
          free[d] *= 1 - at_visit;
    }
    rate = 1 - free;
    for (c in 1:cells)
      for (d in 1:cells)
        if (arm[d] == 1 && arm[c] > 1 && reaction[d] == reaction[c] && visit[d] == visit[c])
          risk_difference[c] = rate[c] - rate[d];
  }
}
