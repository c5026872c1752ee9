exec(open('/tmp/nb/smdp_build.py').read().split("if __name__=='__main__':")[0])
co('smdp-load','''
measured = {}
networks = nn.ModuleDict(
    {
        name: nn.ModuleList(build(settings.get("plain", False)) for _ in SEEDS)
        for name, settings in VARIANTS.items()
    }
)
header = checkpoints.load("smdp", networks)
start = time.perf_counter()
brief, brief_history = train(0, 300)
seconds = time.perf_counter() - start
print(f"300 updates here: {seconds:.0f} s, posterior off by {posterior_error(brief):.3f}")
''')
co('smdp-measures',C['measures'],FOLD)
co('smdp-table','''
POSTERIOR, PATHS_OFF = "posterior off by", "paths off by [nats]"
quality = {
    name: np.array([[posterior_error(f), path_divergence(f)] for f in networks[name]])
    for name in VARIANTS
}
trivial = lambda x, t: 0 * x
Table(
    {
        name: {
            POSTERIOR: values[:, 0].mean(),
            "largest": values[:, 0].max(),
            PATHS_OFF: values[:, 1].mean(),
            "training [s]": np.mean(
                [header["settings"]["seconds"][f"{name} {seed}"] for seed in SEEDS]
            ),
        }
        for name, values in quality.items()
    }
    | {"no score": {POSTERIOR: posterior_error(trivial), PATHS_OFF: path_divergence(trivial)}},
    rows="training",
    caption="Learned scores, five networks each: mean error of the probability of +1 "
    "over all end states, the largest of five, and the divergence of reverse paths.",
    name="smdp-scores",
    digits=2,
)
''',FOLD)
