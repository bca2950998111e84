package lang

func stringDocs() []docEntry {
	return []docEntry{
		{"chomp", "Takes line ends off the end of a string.", `chomp("hello\n")`, `"hello"`},
		{"endswith", "Says whether a string ends with another.", `endswith("hello world", "world")`, `true`},
		{"format", "Fills values into a text: `%s` a string, `%d` a whole number, `%f` a number, `%t` a bool, `%q` a quoted string, `%v` any value, `%#v` any value as JSON.",
			`format("%s has %d pods", "web", 3)`, `"web has 3 pods"`},
		{"formatlist", "Like format, for each element of the lists among the values.", `formatlist("%s-%s", "web", ["a", "b"])`, `["web-a", "web-b"]`},
		{"indent", "Puts so many spaces before every line but the first.", `indent(2, "a\nb")`, `"a\n  b"`},
		{"join", "Joins the strings of the lists, with a separator between them.", `join(", ", ["a", "b"])`, `"a, b"`},
		{"lower", "Converts letters to lower case.", `lower("HELLO")`, `"hello"`},
		{"regex", "The first match of a regular expression (RE2): a string, or a list or object of its groups. It is an error when nothing matches.",
			`regex("(?P<major>[0-9]+)\\.", "v2.14")`, `{ major = "2" }`},
		{"regexall", "Every match of a regular expression (RE2), as regex gives it; an empty list when nothing matches.", `regexall("[a-z]+", "1ab2cd3")`, `["ab", "cd"]`},
		{"replace", "Replaces every occurrence of a string; between slashes it is a regular expression, whose groups are `$1` or `$name` in the replacement.",
			`replace("hello world", "/w(.*)d/", "[$1]")`, `"hello [orl]"`},
		{"split", "Cuts a string at each separator.", `split(",", "a,b")`, `["a", "b"]`},
		{"startswith", "Says whether a string starts with another. The answer may be known although the string is not.", `startswith("hello world", "hello")`, `true`},
		{"strcontains", "Says whether a string contains another.", `strcontains("hello", "ell")`, `true`},
		{"strrev", "The characters of a string in reverse order.", `strrev("hello")`, `"olleh"`},
		{"substr", "A part of a string: from an offset, which counts from the end when negative, so many characters; -1 means all.", `substr("hello world", 1, 4)`, `"ello"`},
		{"templatefile", "Renders the template in a file with the given variables.", `templatefile("hello.tmpl", { name = "world" })`, `"Hello, world!"`},
		{"templatestring", "Renders a template held in a string with the given variables; the result is a string.", `templatestring("Hello, $${name}!", { name = "world" })`, `"Hello, world!"`},
		{"title", "Converts the first letter of each word to upper case.", `title("hello world")`, `"Hello World"`},
		{"trim", "Takes the given characters off both ends of a string.", `trim("?!hello?!", "!?")`, `"hello"`},
		{"trimprefix", "Takes a prefix off a string, if it is there.", `trimprefix("hello world", "hello ")`, `"world"`},
		{"trimspace", "Takes white space off both ends of a string.", `trimspace("  hello\n")`, `"hello"`},
		{"trimsuffix", "Takes a suffix off a string, if it is there.", `trimsuffix("hello world", " world")`, `"hello"`},
		{"upper", "Converts letters to upper case.", `upper("hello")`, `"HELLO"`},
	}
}

func encodingDocs() []docEntry {
	return []docEntry{
		{"base64decode", "Decodes base64; the result must be UTF-8 text.", `base64decode("aGVsbG8=")`, `"hello"`},
		{"base64encode", "Encodes text in base64.", `base64encode("hello")`, `"aGVsbG8="`},
		{"base64gunzip", "Decodes base64 and unpacks what was compressed with gzip; the result must be UTF-8 text.", `base64gunzip(base64gzip("hello"))`, `"hello"`},
		{"base64gzip", "Compresses text with gzip and encodes the result in base64.", `startswith(base64gzip("hello"), "H4sI")`, `true`},
		{"csvdecode", "Reads comma-separated values: an object for each record, whose attributes are named by the first line.", `csvdecode("a,b\n1,2")`, `[{ a = "1", b = "2" }]`},
		{"jsondecode", "Reads JSON.", `jsondecode("{\"a\": [1, null]}")`, `{ a = [1, null] }`},
		{"jsonencode", "Writes a value as JSON on one line.", `jsonencode({ a = [1, null] })`, `"{\"a\":[1,null]}"`},
		{"manifests", "Every Kubernetes object of a YAML or JSON file with any number of documents, under the key kind/namespace/name; the namespace is empty when the manifest has none.",
			`keys(manifests("objects.yaml"))`, `["ConfigMap/shop/settings", "Namespace//shop"]`},
		{"textdecodebase64", "Decodes base64 that holds text in a character encoding of IANA's list.", `textdecodebase64("aABpAA==", "UTF-16LE")`, `"hi"`},
		{"textencodebase64", "Writes text in a character encoding of IANA's list, in base64.", `textencodebase64("hi", "UTF-16LE")`, `"aABpAA=="`},
		{"urldecode", "Decodes text that was encoded for a URL.", `urldecode("a+b%2F")`, `"a b/"`},
		{"urlencode", "Encodes text for the query of a URL.", `urlencode("a b/")`, `"a+b%2F"`},
		{"x509_certificate", "Describes the first certificate in PEM text: subject, issuer, not_before, not_after, serial_number, fingerprint_sha256, is_ca, key_algorithm, key_bits, " +
			"signature_algorithm, subject_key_id, authority_key_id, dns_names, ip_addresses and uris.", `x509_certificate(file("ca.crt")).subject`, `"CN=root.linkerd.cluster.local"`},
		{"yamldecode", "Reads one YAML document.", `yamldecode("a: [1, true]")`, `{ a = [1, true] }`},
		{"yamlencode", "Writes a value as YAML.", `yamlencode({ a = ["x"] })`, `"\"a\":\n- \"x\"\n"`},
	}
}

func hashDocs() []docEntry {
	hello := `"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`
	return []docEntry{
		{"base64sha256", "The SHA-256 digest of text, in base64.", `base64sha256("hello")`, hello},
		{"base64sha512", "The SHA-512 digest of text, in base64.", `length(base64sha512("hello"))`, `88`},
		{"filebase64sha256", "The SHA-256 digest of a file, in base64.", `filebase64sha256("hello.txt")`, hello},
		{"filebase64sha512", "The SHA-512 digest of a file, in base64.", `filebase64sha512("hello.txt") == base64sha512("hello")`, `true`},
		{"filemd5", "The MD5 digest of a file, in hexadecimal.", `filemd5("hello.txt")`, `"5d41402abc4b2a76b9719d911017c592"`},
		{"filesha1", "The SHA-1 digest of a file, in hexadecimal.", `filesha1("hello.txt")`, `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`},
		{"filesha256", "The SHA-256 digest of a file, in hexadecimal.", `filesha256("hello.txt") == sha256("hello")`, `true`},
		{"filesha512", "The SHA-512 digest of a file, in hexadecimal.", `filesha512("hello.txt") == sha512("hello")`, `true`},
		{"md5", "The MD5 digest of text, in hexadecimal. Not for anything that must be secure.", `md5("hello")`, `"5d41402abc4b2a76b9719d911017c592"`},
		{"sha1", "The SHA-1 digest of text, in hexadecimal. Not for anything that must be secure.", `sha1("hello")`, `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`},
		{"sha256", "The SHA-256 digest of text, in hexadecimal.", `sha256("hello")`, `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`},
		{"sha512", "The SHA-512 digest of text, in hexadecimal.", `substr(sha512("hello"), 0, 8)`, `"9b71d224"`},
		{"uuidv5", "The UUID of a name in a name space: dns, url, oid, x500 or a UUID.", `uuidv5("dns", "www.example.com")`, `"2ed6657d-e927-568b-95e1-2665a8aea6a2"`},
	}
}

func fileDocs() []docEntry {
	return []docEntry{
		{"basename", "The last part of a path.", `basename("a/b.txt")`, `"b.txt"`},
		{"dirname", "A path without its last part.", `dirname("a/b.txt")`, `"a"`},
		{"file", "The content of a file, which must be UTF-8 text. Files are read from the directories of the modules only; relative paths start at the root module.",
			`file("hello.txt")`, `"hello"`},
		{"filebase64", "The content of any file, in base64.", `filebase64("hello.txt")`, `"aGVsbG8="`},
		{"fileexists", "Says whether there is a regular file.", `fileexists("absent.txt")`, `false`},
		{"fileset", "The names of the files below a directory that match a pattern, in which `**` stands for any number of directories.", `fileset(".", "*.txt")`, `["hello.txt"]`},
	}
}
