def text(x,y,s,size=16,w="normal",fill="#1a1a1a",a="middle",extra=""): return f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{w}" fill="{fill}" text-anchor="{a}"{extra}>{s}</text>'
def box(x,y,w,h,fill,s,sub=None):
    o=f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="{fill}"/>'
    cy=y+h/2+(0 if sub else 6)
    o+=text(x+w/2,cy-(4 if sub else 0),s,16,"bold","#ffffff")
    if sub: o+=text(x+w/2,cy+17,sub,13,"normal","#ffffff")
    return o
def arrow(pts,c="#1a1a1a",m="a",dash=""):
    d="M"+" L".join(f"{x} {y}" for x,y in pts)
    return f'<path d="{d}" fill="none" stroke="{c}" stroke-width="2.2"{dash} marker-end="url(#{m})"/>'
head='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {h}" font-family="Helvetica, Arial, sans-serif" role="img">\n<rect width="900" height="{h}" rx="12" fill="#ffffff"/>\n<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="#1a1a1a"/></marker><marker id="b" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="#c44e00"/></marker></defs>\n'
o=[head.format(h=330)]
o.append('<rect x="40" y="40" width="330" height="250" rx="10" fill="none" stroke="#5b4a8a" stroke-width="2" stroke-dasharray="4 4"/>')
o.append(text(60,66,"agent",17,"bold","#5b4a8a","start"))
o.append(box(70,84,270,66,"#5b4a8a","actor (policy)","state → probabilities of actions"))
o.append(box(70,200,270,66,"#4d4d4d","critic (value)","state → expected return"))
o.append(box(610,96,230,134,"#0072b2","environment","one step of the solver"))
o.append(arrow([(340,108),(606,108)]))
o.append(text(480,98,"action a",15))
o.append(arrow([(606,176),(205,176),(205,198)] ))
o.append(arrow([(205,176),(205,152)]))
o.append(text(480,168,"state s",15))
o.append(arrow([(606,222),(344,222)]))
o.append(text(480,214,"reward r",15))
o.append(arrow([(340,252),(385,252),(385,130),(344,130)],"#c44e00","b",' stroke-dasharray="7 5"'))
o.append(text(394,280,"advantage: better than expected?",14,"normal","#c44e00","start"))
o.append("</svg>\n"); open("book/figures/agent.svg","w").write("\n".join(o))
# clipping
o=[head.format(h=330)]
def axes(x0,title):
    # ratio 0..2 -> x0..x0+340 ; objective -2..2? value axis
    X=lambda r:x0+170*r; 
    s=text(x0+170,36,title,17,"bold")
    return X,s
eps=.2
for x0,title,sign in ((70,"advantage A &gt; 0",1),(510,"advantage A &lt; 0",-1)):
    X,s=axes(x0,title); o.append(s)
    Y=(lambda v:285-110*v) if sign>0 else (lambda v:65-110*v)
    o.append(f'<line x1="{x0}" y1="{Y(0)}" x2="{x0+340}" y2="{Y(0)}" stroke="#444444" stroke-width="1.5"/>')
    o.append(f'<line x1="{x0}" y1="{Y(0)}" x2="{x0}" y2="{Y(2*sign)}" stroke="#444444" stroke-width="1.5"/>')
    for r,l in ((1-eps,"1 − ε"),(1,"1"),(1+eps,"1 + ε")):
        o.append(f'<line x1="{X(r)}" y1="{Y(0)}" x2="{X(r)}" y2="{Y(1.9*sign)}" stroke="#cccccc" stroke-width="1.2"/>')
        dy=20 if sign>0 else -8
        dx={1-eps:-16,1:0,1+eps:16}[r]
        o.append(text(X(r)+dx,Y(0)+dy,l,14))
    o.append(text(x0+340,Y(0)+(40 if sign>0 else -28),"ratio ρ",14,a="end"))
    # unclipped dashed
    o.append(f'<line x1="{X(0)}" y1="{Y(0)}" x2="{X(2)}" y2="{Y(2*sign)}" stroke="#8c8c8c" stroke-width="2" stroke-dasharray="6 5"/>')
    if sign>0: pts=[(0,0),(1+eps,1+eps),(2,1+eps)]
    else: pts=[(0,-(1-eps)),(1-eps,-(1-eps)),(2,-2)]
    o.append('<polyline points="'+" ".join(f"{X(r):.0f},{Y(v):.0f}" for r,v in pts)+'" fill="none" stroke="#5b4a8a" stroke-width="4"/>')
    o.append(f'<circle cx="{X(1)}" cy="{Y(sign)}" r="6" fill="#c44e00"/>')
    if sign>0:
        o.append(text(X(1.6),Y(1.2)+26,"no reason to go on",14,fill="#5b4a8a")); o.append(text(X(1.42),Y(1.8),"ρ A",14,fill="#666666"))
    else:
        o.append(text(X(.42),Y(-.8)+26,"no reason to go on",14,fill="#5b4a8a")); o.append(text(X(.42),Y(-.26)-0,"ρ A",14,fill="#666666"))
o.append("</svg>\n"); open("book/figures/clipping.svg","w").write("\n".join(o))
