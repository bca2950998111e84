package docs

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// languageBlock is a block at the top level of a file that belongs to the language, not to a provider.
type languageBlock struct {
	labels      []string
	description string
	block       *schema.Block
}

func optional(t cty.Type, description string) *schema.Attribute {
	return &schema.Attribute{Type: t, Optional: true, Description: description}
}

func required(t cty.Type, description string) *schema.Attribute {
	return &schema.Attribute{Type: t, Required: true, Description: description}
}

func oneOf(a *schema.Attribute, values ...string) *schema.Attribute {
	a.OneOf = values
	return a
}

// language returns the blocks of the language by name. Blocks whose content is declared elsewhere (resource, data,
// provider) or is free (locals) are not here.
func language() map[string]languageBlock {
	return map[string]languageBlock{
		"meshplan": {description: "Settings of the rollout. At most one argument of a kind in a directory.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{
				"required_version": optional(cty.String, "Versions of meshplan that may be used, such as \">= 0.3, < 2.0\"."),
				"on_failure":       oneOf(optional(cty.String, "What to do when a step fails: stop, or undo the run."), "stop", "rollback"),
			},
			Blocks: map[string]*schema.NestedBlock{
				"backend": {Nesting: schema.Map, Label: "type", Description: "Where the state is kept: local or kubernetes.", Block: anything()},
				"required_providers": {Nesting: schema.Single, Description: "Provider configurations that callers of the module pass: { kubernetes = { configuration_aliases = [kubernetes.east] } }.",
					Block: anything()},
			},
		}},
		"variable": {labels: []string{"name"}, description: "An input of the rollout.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{
				"type":        optional(cty.DynamicPseudoType, "The type of the value, such as string or object({ name = string, port = optional(number, 80) })."),
				"default":     optional(cty.DynamicPseudoType, "The value when none is given. Without it a value must be given."),
				"description": optional(cty.String, "What the variable is for."),
				"sensitive":   optional(cty.Bool, "Never show the value, and keep a fingerprint of it only."),
				"ephemeral":   optional(cty.Bool, "Keep nothing of the value, not even a fingerprint."),
				"deprecated":  optional(cty.String, "What to use instead: whoever gives the variable a value is warned."),
				"nullable":    optional(cty.Bool, "Whether null is allowed; true when it is not set."),
			},
			Blocks: map[string]*schema.NestedBlock{"validation": rule("A rule that the value must meet.")},
		}},
		"output": {labels: []string{"name"}, description: "A value that a run records and prints.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{
				"value":       required(cty.DynamicPseudoType, "The value."),
				"description": optional(cty.String, "What the value is."),
				"sensitive":   optional(cty.Bool, "Never show or record the value."),
				"ephemeral":   optional(cty.Bool, "The value is not recorded."),
				"deprecated":  optional(cty.String, "What to use instead: whoever refers to the output is warned."),
				"depends_on":  references("What must be done before the value is right, beyond what it refers to."),
			},
			Blocks: map[string]*schema.NestedBlock{"precondition": rule("What must hold before the value is used.")},
		}},
		"check": {labels: []string{"name"}, description: "Assertions that warn and never stop anything.", block: &schema.Block{
			Blocks: map[string]*schema.NestedBlock{"assert": rule("What should hold.")},
		}},
		"moved": {description: "What was recorded under one address is another one's from now on.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{
				"from": required(cty.String, "The former address."),
				"to":   required(cty.String, "The new address."),
			},
		}},
		"import": {description: "An object that exists becomes an instance.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{
				"to":       required(cty.String, "The address of the instance."),
				"id":       required(cty.String, "The name of the object, as its type understands it."),
				"for_each": optional(cty.DynamicPseudoType, "A map or a set of strings: one object for each element, with each.key and each.value."),
				"provider": optional(cty.String, "The provider configuration that finds the object."),
			},
		}},
		"removed": {description: "The records of a block that is gone leave the state.", block: &schema.Block{
			Attributes: map[string]*schema.Attribute{"from": required(cty.String, "The address of what is gone.")},
			Blocks: map[string]*schema.NestedBlock{"lifecycle": {Nesting: schema.Single, Description: "What becomes of the objects.", Block: schema.Block{
				Attributes: map[string]*schema.Attribute{"destroy": optional(cty.Bool, "Whether the objects are deleted as well.")},
			}}},
		}},
	}
}

// moduleArguments returns what a module block has beside the variables of the module that it calls.
func moduleArguments() *schema.Block {
	b := &schema.Block{Attributes: map[string]*schema.Attribute{
		"source":    required(cty.String, "The directory of the module, starting with ./ or ../."),
		"providers": optional(cty.Map(cty.String), "The provider configurations that the module gets, by the names that it uses."),
	}}
	for _, name := range []string{"count", "for_each", "enabled", "depends_on"} {
		b.Attributes[name] = meta().Attributes[name]
	}
	return b
}

// meta returns the arguments that every resource and data block has, beside those of its type.
func meta() *schema.Block {
	return &schema.Block{
		Attributes: map[string]*schema.Attribute{
			"count":      optional(cty.Number, "How many instances there are; count.index numbers them from 0."),
			"for_each":   optional(cty.DynamicPseudoType, "A map or a set of strings: one instance for each element, with each.key and each.value."),
			"enabled":    optional(cty.Bool, "Whether the instance is there at all."),
			"depends_on": references("What must be done before, beyond what the block refers to."),
			"provider":   optional(cty.String, "The provider configuration, such as kubernetes.east."),
		},
		Blocks: map[string]*schema.NestedBlock{
			"lifecycle": {Nesting: schema.Single, Description: "How changes of the object are made.", Block: schema.Block{
				Attributes: map[string]*schema.Attribute{
					"prevent_destroy":       optional(cty.Bool, "Refuse every plan that would delete the object. It is kept in the state, so that it holds after the block is gone."),
					"create_before_destroy": optional(cty.Bool, "Make the new object before the old one is deleted."),
					"ignore_changes":        optional(cty.DynamicPseudoType, "Attributes whose later changes are ignored, or all."),
					"replace_triggered_by":  references("What replaces the object when it changes."),
				},
				Blocks: map[string]*schema.NestedBlock{
					"precondition":  rule("What must hold before the change is made."),
					"postcondition": rule("What must hold after it; self is the object."),
				},
			}},
			"timeouts": {Nesting: schema.Single, Description: "How long operations may take, such as 5m.", Block: schema.Block{
				Attributes: map[string]*schema.Attribute{
					"create": optional(cty.String, "For the creation."),
					"read":   optional(cty.String, "For reading."),
					"update": optional(cty.String, "For changes."),
					"delete": optional(cty.String, "For the deletion."),
				},
			}},
		},
	}
}

func rule(description string) *schema.NestedBlock {
	return &schema.NestedBlock{Nesting: schema.List, Description: description, Block: schema.Block{Attributes: map[string]*schema.Attribute{
		"condition":     required(cty.Bool, "An expression that is true when all is well."),
		"error_message": required(cty.String, "What to say when it is not: a full sentence."),
	}}}
}

func references(description string) *schema.Attribute {
	return optional(cty.List(cty.String), description)
}

// anything is a block that this package says nothing about.
func anything() schema.Block { return schema.Block{} }
