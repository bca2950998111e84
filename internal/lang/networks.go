package lang

import (
	"math/big"
	"net"
	"net/netip"
	"strings"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

func networkFunctions() map[string]function.Function {
	prefix := function.Parameter{Name: "prefix", Type: cty.String}
	number := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.Number} }
	return map[string]function.Function{
		"cidrcontains": stringFunction(cty.Bool, cidrContains, "containing_prefix", "contained"),
		"cidrhost": function.New(&function.Spec{
			Params: []function.Parameter{prefix, number("hostnum")}, Type: function.StaticReturnType(cty.String), RefineResult: notNull, Impl: cidrHost,
		}),
		"cidrnetmask": stringFunction(cty.String, cidrNetmask, "prefix"),
		"cidrsubnet": function.New(&function.Spec{
			Params: []function.Parameter{prefix, number("newbits"), number("netnum")}, Type: function.StaticReturnType(cty.String),
			RefineResult: notNull, Impl: cidrSubnet,
		}),
		"cidrsubnets": function.New(&function.Spec{
			Params: []function.Parameter{prefix}, VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
			Type: function.StaticReturnType(cty.List(cty.String)), RefineResult: notNull, Impl: cidrSubnets,
		}),
	}
}

func network(s string) (*net.IPNet, error) {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		return nil, function.NewArgErrorf(0, "%q is not a network in CIDR notation, like 10.0.0.0/8", s)
	}
	return n, nil
}

// whole reads an argument that must be a whole number.
func whole(args []cty.Value, i int) (*big.Int, error) {
	n := new(big.Int)
	if err := gocty.FromCtyValue(args[i], n); err != nil {
		return nil, function.NewArgErrorf(i, "a whole number is required")
	}
	return n, nil
}

// bits reads how many bits a prefix is to grow by.
func bits(args []cty.Value, i int) (int, error) {
	n, err := whole(args, i)
	if err == nil && (n.Sign() < 0 || n.Cmp(big.NewInt(128)) > 0) {
		err = function.NewArgErrorf(i, "a prefix cannot be extended by %s bits", n)
	}
	if err != nil {
		return 0, err
	}
	return int(n.Int64()), nil
}

func cidrHost(args []cty.Value, _ cty.Type) (cty.Value, error) {
	n, err := network(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	num, err := whole(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	ip, err := cidr.HostBig(n, num)
	if err != nil {
		return cty.NilVal, function.NewArgError(1, err)
	}
	return cty.StringVal(ip.String()), nil
}

func cidrNetmask(a []string) (cty.Value, error) {
	n, err := network(a[0])
	if err != nil {
		return cty.NilVal, err
	}
	if n.IP.To4() == nil {
		return cty.NilVal, function.NewArgErrorf(0, "IPv6 networks have no netmask in dotted form")
	}
	return cty.StringVal(net.IP(n.Mask).String()), nil
}

func cidrSubnet(args []cty.Value, _ cty.Type) (cty.Value, error) {
	n, err := network(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	more, err := bits(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	num, err := whole(args, 2)
	if err != nil {
		return cty.NilVal, err
	}
	sub, err := cidr.SubnetBig(n, more, num)
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(sub.String()), nil
}

// cidrSubnets cuts consecutive networks of the given sizes out of one.
func cidrSubnets(args []cty.Value, _ cty.Type) (cty.Value, error) {
	whole, err := network(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	length, total := whole.Mask.Size()
	var out []cty.Value
	var last *net.IPNet
	for i := 1; i < len(args); i++ {
		more, err := bits(args, i)
		if err != nil {
			return cty.NilVal, err
		}
		if more == 0 || length+more > total {
			return cty.NilVal, function.NewArgErrorf(i, "a prefix of %d bits cannot be extended by %d of %d bits", length, more, total)
		}
		next := &net.IPNet{IP: whole.IP, Mask: net.CIDRMask(length+more, total)}
		if last != nil {
			var over bool
			if next, over = cidr.NextSubnet(last, length+more); over || !whole.Contains(next.IP) {
				return cty.NilVal, function.NewArgErrorf(i, "there is no room left in %s for one more network of %d bits", whole, length+more)
			}
		}
		last = next
		out = append(out, cty.StringVal(next.String()))
	}
	if len(out) == 0 {
		return cty.ListValEmpty(cty.String), nil
	}
	return cty.ListVal(out), nil
}

// cidrContains reports whether an address or a whole network lies in a network.
func cidrContains(a []string) (cty.Value, error) {
	outer, err := netip.ParsePrefix(a[0])
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(0, "%q is not a network in CIDR notation, like 10.0.0.0/8", a[0])
	}
	if !strings.Contains(a[1], "/") {
		ip, err := netip.ParseAddr(a[1])
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "%q is neither an address nor a network", a[1])
		}
		return cty.BoolVal(outer.Contains(ip)), nil
	}
	inner, err := netip.ParsePrefix(a[1])
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(1, "%q is neither an address nor a network", a[1])
	}
	return cty.BoolVal(inner.Bits() >= outer.Bits() && outer.Contains(inner.Addr())), nil
}
