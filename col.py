import sys, time, resource
import numpy as np, polars as pl, pyarrow as pa
import layercheck as lc
kind=sys.argv[1]
r=np.random.default_rng(5)
n=3_000_000
hexes=[x.tobytes().hex() for x in r.integers(0,256,(n//2,32),dtype=np.uint8)]
texts=["sha256:"+h for h in hexes]*2
if kind=="polars": col=pl.Series("d",texts)
elif kind=="pyarrow": col=pa.chunked_array([pa.array(texts)])
elif kind=="pyview": col=pa.chunked_array([pa.array(texts,type=pa.string_view())])
del texts,hexes
lc.plan(["sha256:"+"00"*32])
for _ in range(5):
    a=resource.getrusage(resource.RUSAGE_SELF)
    t=time.perf_counter(); c=time.process_time()
    p=lc.plan(col)
    t=time.perf_counter()-t; c=time.process_time()-c
    b=resource.getrusage(resource.RUSAGE_SELF)
    print(kind,f"{t*1e3:.0f} ms cpu {c*1e3:.0f} ms, user {b.ru_utime-a.ru_utime:.3f} sys {b.ru_stime-a.ru_stime:.3f} minflt {b.ru_minflt-a.ru_minflt} majflt {b.ru_majflt-a.ru_majflt}")
    del p
