"""What a model is given of a clip, and the exact way back: frames, their pixels, the cells of its maps, people's joints."""
