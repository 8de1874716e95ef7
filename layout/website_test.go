package layout_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"

	"datestone/layout"
)

func ExampleWebsite() {
	w := layout.Website{IndexDocument: "index.html", RoutingRules: []layout.RoutingRule{{
		Condition: layout.RoutingCondition{KeyPrefix: "debian/latest/"},
		Redirect:  layout.RoutingRedirect{HTTPRedirectCode: "302", ReplaceKeyPrefix: "debian/20250318T140338Z/"},
	}}}
	api, _ := xml.Marshal(w)
	console, _ := json.Marshal(w.RoutingRules)
	fmt.Printf("%s\n%s\n", api, console)
	// Output:
	// <WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>debian/latest/</KeyPrefixEquals></Condition><Redirect><HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyPrefixWith>debian/20250318T140338Z/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>
	// [{"Condition":{"KeyPrefixEquals":"debian/latest/"},"Redirect":{"HttpRedirectCode":"302","ReplaceKeyPrefixWith":"debian/20250318T140338Z/"}}]
}
